// Moments that are selected, and giving them out: cut files or lists for editors.

import { answer } from "./api.js";
import { el, icon, iconButton, toast } from "./dom.js";
import { many, span } from "./format.js";
import { hits } from "./search.js";

const HOW = [
  [
    "lossless",
    "Clips, cut without loss",
    "as they are in the file; they begin at the keyframe before",
  ],
  [
    "exact",
    "Clips, cut to the frame",
    "encoded anew, from the first to the last frame of each moment",
  ],
  ["edl", "EDL", "a list for DaVinci Resolve, Premiere, Avid"],
  ["fcpxml", "FCPXML", "a list for Final Cut Pro, Resolve"],
  ["csv", "CSV", "a table"],
  ["json", "JSON", "for programs"],
];

const chosen = new Map();
let last = null;
let tray = null;

export const has = (id) => chosen.has(id);
export const size = () => chosen.size;

/** Select or leave; with `through`, all from the last one that was. */
export function toggle(hit, through = false) {
  const all = hits();
  const [from, to] = [
    all.findIndex((one) => one.id === last),
    all.findIndex((one) => one.id === hit.id),
  ].sort((a, b) => a - b);
  if (through && from >= 0) for (const one of all.slice(from, to + 1)) chosen.set(one.id, one);
  else if (chosen.has(hit.id)) chosen.delete(hit.id);
  else chosen.set(hit.id, hit);
  last = hit.id;
  refresh();
}

export function clear() {
  chosen.clear();
  refresh();
}

/** The tray at the foot of the page, there while something is selected. */
export function show(root, leaving) {
  tray = el("div.tray", { role: "region", "aria-label": "Selected moments" });
  root.append(tray);
  leaving.addEventListener("abort", () => chosen.clear());
  refresh();
}

function refresh() {
  for (const card of document.querySelectorAll(".hit[data-id]")) {
    card.classList.toggle("picked", chosen.has(card.dataset.id));
    card.querySelector(".select")?.setAttribute("aria-pressed", chosen.has(card.dataset.id));
  }
  document.body.classList.toggle("picking", chosen.size > 0);
  const length = [...chosen.values()].reduce((sum, hit) => sum + hit.end - hit.start, 0);
  tray.hidden = !chosen.size;
  tray.replaceChildren(
    el(
      "span.tray-pictures",
      { "aria-hidden": "true" },
      [...chosen.values()].slice(-4).map((hit) => el("img", { src: hit.thumbnail, alt: "" })),
    ),
    el("strong.numbers", {}, `${chosen.size} selected`),
    el("span.soft.numbers", {}, span(length)),
    el("button.button.main", { type: "button", onclick: offer }, icon("export"), "Export"),
    iconButton("close", "Select none", clear, "Esc"),
  );
}

/** Ask how, and do it. */
export function offer() {
  const all = [...chosen.values()];
  const status = el("p.soft.small", { role: "status" });
  const go = el("button.button.main", { type: "submit" }, icon("export"), "Export");
  const form = el(
    "form.sheet-body.stack",
    { method: "dialog" },
    el(
      "fieldset.options",
      {},
      el("legend.unseen", {}, "As what"),
      HOW.map(([how, name, says], place) =>
        el(
          "label.option",
          {},
          el("input", { type: "radio", name: "how", value: how, checked: place === 0 }),
          el("span", {}, el("strong", {}, name), el("small", {}, says)),
        ),
      ),
    ),
    el("div.row.spread", {}, status, go),
  );
  const stop = new AbortController();
  const dialog = el(
    "dialog.sheet",
    { "aria-labelledby": "export-title", onclose: () => (stop.abort(), dialog.remove()) },
    el(
      "div.sheet-head",
      {},
      el("h2", { id: "export-title" }, `Export ${many(all.length, "moment")}`),
      iconButton("close", "Close", () => dialog.close()),
    ),
    form,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    status.textContent = "Being made…";
    try {
      const given = await answer("/export", {
        json: { moments: all.map((hit) => hit.id), how: new FormData(form).get("how") },
        signal: stop.signal,
      });
      const name = named(given.headers.get("Content-Disposition") ?? "");
      const url = URL.createObjectURL(await given.blob());
      el("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      toast(`Saved as ${name}`);
      dialog.close();
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = [error.message, error.hint].filter(Boolean).join(". ");
      go.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** The name that a file is to be saved under; in full where that is not ASCII (RFC 6266). */
function named(disposition) {
  const whole = /filename\*=UTF-8''([^;]+)/.exec(disposition);
  if (whole) return decodeURIComponent(whole[1]);
  return /filename="?([^";]+)"?/.exec(disposition)?.[1] ?? "moments";
}
