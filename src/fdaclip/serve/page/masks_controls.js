// The settings of masks as controls: sliders with their number, switches, choices.

import { el, iconButton } from "./dom.js";

/**
 * One control for each setting that GET /masks lists.
 * @param {(name: string, value: string | null) => void} changed null: as it is by default.
 * @returns {{ element: HTMLElement, show(values: Record<string, string>): void }}
 */
export function buildControls(settings, changed) {
  const parts = settings.map((setting) => control(setting, changed));
  return {
    element: el(
      "div.settings",
      {},
      parts.map((part) => part.element),
    ),
    show: (values) => parts.forEach((part) => part.show(values[part.name])),
  };
}

function control(setting, changed) {
  const { name, kind, label, help } = setting;
  const told = el("output.numbers", { for: `set-${name}` });
  const input = { boolean: toggle, choice: choices }[kind]?.(setting) ?? slider(setting);
  const reset = iconButton("retry", `Reset: ${label}`, () => {
    tell(null);
    input.focus();
  });
  input.id = `set-${name}`;
  input.setAttribute("aria-describedby", `help-${name}`);
  const read = () => (kind === "boolean" ? String(input.checked) : input.value);
  input.addEventListener(kind === "choice" ? "change" : "input", () => tell(read()));
  const element = el(
    "div.setting",
    { class: kind },
    el(
      "div.setting-line",
      {},
      kind === "boolean" && input,
      el("label", { for: `set-${name}` }, label),
      kind !== "boolean" && kind !== "choice" && told,
      reset,
    ),
    kind === "choice" && input,
    kind !== "boolean" && kind !== "choice" && el("div.track", {}, input, mark(setting)),
    el("p.soft.small", { id: `help-${name}` }, help),
  );

  function show(value) {
    const shown = value ?? String(setting.default);
    if (kind === "boolean") input.checked = shown === "true";
    else input.value = shown;
    if (kind === "number" || kind === "integer") {
      told.textContent = number(setting, input.value);
      input.setAttribute("aria-valuetext", told.textContent);
    }
    const differs = value !== undefined && value !== null;
    element.classList.toggle("changed", differs);
    reset.hidden = !differs;
  }

  function tell(value) {
    const same = value === null || sameAs(setting, value);
    show(same ? undefined : value);
    changed(name, same ? null : value);
  }

  return { name, element, show };
}

/** Is that what the setting is by default? */
export function sameAs(setting, value) {
  return typeof setting.default === "number"
    ? Math.abs(Number(value) - setting.default) < 1e-9
    : value === String(setting.default);
}

const slider = ({ min, max, step }) => el("input", { type: "range", min, max, step });
const toggle = () => el("input.switch", { type: "checkbox", role: "switch" });
const choices = (setting) =>
  el(
    "select.input",
    {},
    setting.choices.map((word) => el("option", { value: word }, WORDS[word] ?? word)),
  );
const WORDS = { pixels: "Differences of pixels", codec: "Motion vectors of the file" };

/** A tick under the slider where its default lies. */
function mark({ min, max, default: at }) {
  const tick = el("i.tick", { "aria-hidden": "true" });
  tick.style.setProperty("--at", (at - min) / (max - min));
  return tick;
}

/** As people read it; numbers up to 1 are shares of the picture or of its side. */
function number({ step, max }, text) {
  const scale = max <= 1 ? 100 : 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step * scale) + 1e-9));
  return `${(scale * Number(text)).toFixed(digits)}${scale === 100 ? " %" : ""}`;
}
