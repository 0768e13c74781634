// Why it matched: what moved, what counted, and what would have counted without the mask.

import { ask } from "./api.js";
import { el, errorNotice } from "./dom.js";
import { clock } from "./format.js";

const ROWS = [
  ["mask", "What moves", "the dynamic mask over each frame"],
  ["relevance", "What counted", "the patches that added most to the score"],
  [
    "relevance_without_mask",
    "With the mask off",
    "what would have counted for a model that does not see what moves",
  ],
];

/** Fill the panel for a hit and a question { q, like }. */
export async function showWhy(panel, hit, asked, player, signal) {
  const title = el("div.why-head", {}, el("h2", {}, "Why it matched"));
  panel.replaceChildren(
    title,
    el(
      "p.soft.small",
      { role: "status" },
      "Looking again at its frames, with the mask and without it…",
    ),
    el(
      "div.why-wait",
      {},
      Array.from({ length: 6 }, () => el("div.skeleton")),
    ),
  );
  panel.hidden = false;
  panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
  try {
    const why = await ask(`/moments/${encodeURIComponent(hit.id)}/why`, { query: asked, signal });
    const range = Math.max(Math.abs(why.score), Math.abs(why.score_without_mask ?? 0), 1e-6);
    title.append(
      el(
        "div.why-scores",
        {},
        score("with the mask", why.score, range, "with"),
        why.score_without_mask !== null &&
          score("with the mask off", why.score_without_mask, range, "without"),
      ),
    );
    const rows = el(
      "div.why-rows",
      { tabindex: "0", role: "group", "aria-label": "Frames" },
      ROWS.map(([layer, name, says]) =>
        el(
          "section.why-row",
          {},
          el("div.why-name", {}, el("h3", {}, name), el("p.soft.small", {}, says)),
          why.frames.map((frame) =>
            el(
              "button.why-frame",
              {
                type: "button",
                "aria-label": `${name} at ${clock(frame.time, true)}: go there`,
                onclick: () => (player.video.pause(), player.seek(frame.time, true)),
              },
              el("img", { src: frame[layer], alt: "", decoding: "async" }),
              layer === "mask" && el("span.time", {}, clock(frame.time, true)),
              layer === "mask" &&
                frame.kind &&
                frame.kind !== "motion" &&
                frame.kind !== "moving" &&
                el("span.kind", {}, frame.kind),
            ),
          ),
        ),
      ),
    );
    rows.style.setProperty("--frames", why.frames.length);
    panel.replaceChildren(
      title,
      rows,
      el(
        "p.soft.small.why-foot",
        {},
        why.method === "gradients"
          ? "Warm patches raised the similarity most, by the gradients of the model along the way from an empty picture to this one."
          : "Warm patches are those without which the similarity falls most; each was left out in turn.",
      ),
    );
    panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
  } catch (error) {
    if (error.name !== "AbortError")
      panel.replaceChildren(
        title,
        errorNotice(error, () => showWhy(panel, hit, asked, player, signal)),
      );
  }
}

function score(name, value, range, kind) {
  const fill = el("i");
  fill.style.width = `${(100 * Math.max(0, value)) / range}%`;
  return el(
    "div.why-score",
    { class: kind },
    el("span.soft.small", {}, name),
    el("span.bar", {}, fill),
    el("strong.numbers.small", {}, value.toFixed(3)),
  );
}
