// What the masks are for, with the frame that is shown as the example; and reports of evaluations.

import { ask } from "./api.js";
import { el, errorNotice, icon, toast } from "./dom.js";

const STEPS = [
  [
    "difference",
    "Compare",
    "Each frame is compared with the one a sixth of a second later. If the camera moved, the two are laid over one another first, so that only what moves by itself is left.",
  ],
  [
    "alpha",
    "Decide",
    "What differs by more than the picture's own noise moves. Parts of one mover are joined, holes filled, specks dropped. Where too little or too much changes the mask is all white.",
  ],
  [
    "mask",
    "Look",
    "The mask goes into the model as a fourth channel beside red, green and blue. A model that was trained so heeds what is white, and knows what is around it.",
  ],
];

/** The three steps; `show(frame)` puts that frame's pictures beside them. */
export function buildSteps() {
  const pictures = STEPS.map(([layer]) =>
    el("img", { alt: "", class: `step-${layer}`, hidden: true }),
  );
  const element = el(
    "section.steps",
    { "aria-labelledby": "steps-title" },
    el("h2", { id: "steps-title" }, "What the mask is for"),
    el(
      "ol",
      {},
      STEPS.map(([, name, says], place) =>
        el(
          "li",
          {},
          el("div.step-picture", {}, pictures[place]),
          el("h3", {}, `${place + 1}. ${name}`),
          el("p.soft", {}, says),
        ),
      ),
    ),
    el(
      "p.soft.small",
      {},
      "How much it counts depends on the model: at a moment of the search, ",
      el("em", {}, "Why it matched"),
      " shows the score with the mask and with it switched off. The settings here change nothing of the library.",
    ),
  );
  return {
    element,
    show(frame) {
      STEPS.forEach(([layer], place) => {
        const address = frame[layer];
        pictures[place].hidden = !address;
        if (address && pictures[place].src !== address) pictures[place].src = address;
      });
    },
  };
}

/** Reports that the server was given; each opens in a tab of its own, where it may do nothing. */
export function buildReports(signal) {
  const list = el("div.reports", {}, el("div.skeleton"), el("div.skeleton"));
  const fill = async () => {
    try {
      const reports = await ask("/reports", { signal });
      list.replaceChildren(...(reports.length ? reports.map(card) : [none()]));
    } catch (error) {
      if (error.name !== "AbortError") list.replaceChildren(errorNotice(error, fill));
    }
  };
  fill();
  return el(
    "section.reports-part",
    { "aria-labelledby": "reports-title" },
    el("h2", { id: "reports-title" }, "Benchmark reports"),
    list,
    el(
      "p.soft.small.for-programs",
      {},
      "Programs reach all of this, too: ",
      el("a", { href: "/api/docs" }, "the API"),
      ".",
    ),
  );
}

const card = (report) =>
  el(
    "a.card.report",
    { href: report.url, target: "_blank", rel: "noopener" },
    el(
      "span",
      {},
      el("strong", {}, report.title),
      el(
        "small.soft",
        {},
        `${report.name} · ${new Date(report.changed * 1000).toLocaleDateString()}`,
      ),
      el("span.unseen", {}, "(opens in a new tab)"),
    ),
    icon("out"),
  );

function none() {
  const lines = [
    "fdaclip eval CHECKPOINT --data DATA --root VIDEOS --out reports/NAME",
    "fdaclip serve --reports reports",
  ];
  const copy = () =>
    navigator.clipboard.writeText(lines.join("\n")).then(
      () => toast("Copied"),
      () => toast("It could not be copied", "bad"),
    );
  return el(
    "div.card.pad.no-reports",
    {},
    el(
      "p",
      {},
      "No reports yet. An evaluation measures how often a model finds the right video, and writes one:",
    ),
    el("pre", { tabindex: "0", "aria-label": "Commands" }, el("code", {}, lines.join("\n"))),
    el("button.button", { type: "button", onclick: copy }, "Copy"),
  );
}
