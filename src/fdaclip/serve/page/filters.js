// What narrows a search, as chips: pressed ones are on; some ask for more first.

import { library } from "./api.js";
import { el, icon } from "./dom.js";
import { navigate } from "./app.js";
import { changed, FILTERS } from "./search.js";

const value = (name) => new URLSearchParams(location.search).get(name) ?? "";
const set = (changes) => navigate(changed({ ...changes, m: null, why: null }));

/** Draw them as the address has it. */
export function buildFilters(root) {
  const asked = JSON.stringify(FILTERS.map(value));
  if (root.dataset.told === asked) return;
  root.dataset.told = asked;
  const focused = document.activeElement?.dataset?.chip;
  const dates = [
    value("since") && `from ${value("since")}`,
    value("until") && `to ${value("until")}`,
  ]
    .filter(Boolean)
    .join(" ");
  const lengths = [
    value("longer") && `over ${value("longer")} s`,
    value("shorter") && `under ${value("shorter")} s`,
  ]
    .filter(Boolean)
    .join(", ");
  root.replaceChildren(
    toggle("Moving", "motion", "moving"),
    toggle("Still", "motion", "still"),
    asks("Without…", ["without"], value("without") && `without ${value("without")}`, () => [
      field("Leave out what looks like", "without", { placeholder: "people" }),
    ]),
    asks("Folder", ["folder"], value("folder").split(/[\\/]/).filter(Boolean).pop(), folders),
    asks("Date", ["since", "until"], dates, () => [
      field("From", "since", { type: "date" }),
      field("To", "until", { type: "date" }),
    ]),
    asks("Length", ["longer", "shorter"], lengths, () => [
      field("Video longer than, s", "longer", { type: "number", min: 0 }),
      field("Video shorter than, s", "shorter", { type: "number", min: 0 }),
    ]),
    asks("Resolution", ["resolution"], value("resolution") && `≥ ${value("resolution")}`, () => [
      choice("resolution", [
        ["", "Any"],
        ["720", "720p and more"],
        ["1080", "1080p and more"],
        ["2160", "4K"],
      ]),
    ]),
    toggle("With sound", "audio", "true"),
    toggle("One per video", "group", "video"),
  );
  if (focused) root.querySelector(`[data-chip="${focused}"]`)?.focus();
}

function toggle(label, name, on) {
  const pressed = value(name) === on;
  return el(
    "button.chip",
    {
      type: "button",
      "aria-pressed": String(pressed),
      "data-chip": `${name}-${on}`,
      onclick: () => set({ [name]: pressed ? null : on }),
    },
    label,
  );
}

function asks(label, names, shown, fields) {
  const pop = el("form.pop.stack", { popover: "auto", "aria-label": label });
  const chip = el(
    "button.chip",
    { type: "button", "data-chip": names[0], class: shown ? "on" : "", "aria-haspopup": "dialog" },
    shown || label,
    shown ? null : icon("down"),
  );
  chip.addEventListener("click", async () => {
    pop.replaceChildren(
      ...(await fields()),
      el(
        "div.row.spread",
        {},
        el(
          "button.button.plain",
          {
            type: "button",
            onclick: () => (
              pop.hidePopover(),
              set(Object.fromEntries(names.map((name) => [name, null])))
            ),
          },
          "Clear",
        ),
        el("button.button.main", { type: "submit" }, "Apply"),
      ),
    );
    const at = chip.getBoundingClientRect();
    pop.showPopover();
    pop.style.top = `${Math.min(at.bottom + 8, innerHeight - pop.offsetHeight - 12)}px`;
    pop.style.left = `${Math.max(12, Math.min(at.left, document.documentElement.clientWidth - pop.offsetWidth - 12))}px`;
    pop.querySelector("input, select, button")?.focus();
  });
  pop.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new FormData(pop);
    pop.hidePopover();
    set(
      Object.fromEntries(names.map((name) => [name, String(given.get(name) ?? "").trim() || null])),
    );
  });
  const away =
    shown &&
    el(
      "button.chip-away",
      {
        type: "button",
        "aria-label": `Remove: ${shown}`,
        onclick: () => set(Object.fromEntries(names.map((name) => [name, null]))),
      },
      icon("close"),
    );
  return el("span.chip-with", {}, chip, away, pop);
}

const field = (label, name, given) =>
  el(
    "label.field",
    {},
    el("span", {}, label),
    el("input.input", { name, value: value(name), ...given }),
  );

const choice = (name, options) =>
  el(
    "fieldset.options",
    {},
    options.map(([one, label]) =>
      el(
        "label.option",
        {},
        el("input", { type: "radio", name, value: one, checked: value(name) === one }),
        el("span", {}, label),
      ),
    ),
  );

async function folders() {
  const facts = await library().catch(() => ({ folders: [] }));
  return [
    choice("folder", [
      ["", "All folders"],
      ...facts.folders.map((folder) => [folder.path, `${folder.path} (${folder.files})`]),
    ]),
  ];
}
