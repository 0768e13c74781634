// Frames with their masks: one large, all of them in a strip, and what is to be said of each.

import { el, iconButton, icon } from "./dom.js";
import { clock, many } from "./format.js";

const LAYERS = [
  ["frame", "Frame", "as the camera saw it"],
  ["mask", "Mask over frame", "grey where nothing moves"],
  ["alpha", "Mask alone", "white is what the model is told to look at"],
  ["difference", "Difference", "brighter where more light changed"],
];
const STEP = 350; // ms a frame is shown while they play

export const percent = (share) => {
  const value = 100 * share;
  return `${value && value < 10 ? value.toFixed(1) : Math.round(value)} %`;
};

/**
 * The stage, empty at first.
 * @param {(frame) => void} onFrame told which frame is shown large.
 */
export function buildStage(onFrame, signal) {
  let frames = [];
  let at = 0;
  let playing = 0;
  let layer = "mask";
  const pictures = Object.fromEntries(
    LAYERS.map(([name]) => [name, el("img", { alt: "", class: `layer-${name}`, hidden: true })]),
  );
  const badge = el("span.kind", { hidden: true });
  const note = el("p.screen-note", { hidden: true });
  const screen = el(
    "div.screen",
    { role: "img", "aria-label": "No frame yet" },
    Object.values(pictures),
    badge,
    note,
    el("i.at-work", { "aria-hidden": "true" }),
  );
  const strip = el("div.strip", { role: "group", "aria-label": "Frames" });
  const caption = el("div.caption");
  const summary = el("p.soft.small", { role: "status" });
  const strength = el("input", { type: "range", min: 0, max: 100, step: 5, value: 100 });
  const strengthField = el("label.strength", {}, el("span.soft.small", {}, "Strength"), strength);
  const radios = el(
    "fieldset.segments",
    {},
    el("legend.unseen", {}, "What is shown"),
    LAYERS.map(([name, label, says]) =>
      el(
        "label",
        { title: says },
        el("input", {
          type: "radio",
          name: "layer",
          value: name,
          checked: name === layer,
          onchange: () => choose(name),
        }),
        el("span", {}, label),
      ),
    ),
  );
  const playButton = iconButton("play", "Play the frames", toggle, "Space");
  strength.addEventListener("input", draw);
  signal.addEventListener("abort", pause);

  const element = el(
    "div.stage-of-masks",
    {},
    el("div.screen-sticky", {}, screen),
    el("div.stage-tools", {}, playButton, radios, strengthField),
    strip,
    caption,
    summary,
  );

  function choose(name) {
    layer = name;
    draw();
  }

  function draw() {
    const frame = frames[at];
    if (!frame) return;
    const shown = layer === "difference" && !frame.difference ? "mask" : layer;
    for (const [name, picture] of Object.entries(pictures)) {
      picture.hidden = name !== shown && !(name === "frame" && shown === "mask");
      if (frame[name] && picture.src !== frame[name]) picture.src = frame[name];
    }
    pictures.mask.style.opacity = strength.value / 100;
    strengthField.hidden = shown !== "mask";
    for (const radio of radios.querySelectorAll("input")) {
      radio.checked = radio.value === shown;
      radio.disabled = radio.value === "difference" && !frame.difference;
    }
    const [, label] = LAYERS.find(([name]) => name === shown);
    screen.setAttribute("aria-label", `${label} at ${clock(frame.time, true)}. ${inWords(frame)}`);
    badge.hidden = frame.kind === "moving";
    badge.textContent = KINDS[frame.kind];
    caption.replaceChildren(
      el("strong.numbers", {}, clock(frame.time, true)),
      el("p", {}, inWords(frame)),
    );
    [...strip.children].forEach((one, place) => {
      if (place === at) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    });
    onFrame(frame);
  }

  function go(place) {
    if (!frames.length) return;
    at = (place + frames.length) % frames.length;
    const one = strip.children[at];
    strip.scrollTo({ left: one.offsetLeft - (strip.clientWidth - one.clientWidth) / 2 });
    draw();
  }

  function pause() {
    clearInterval(playing);
    playing = 0;
    playButton.replaceChildren(icon("play"));
    playButton.setAttribute("aria-label", "Play the frames");
  }

  function toggle() {
    if (playing) return pause();
    playing = setInterval(() => go(at + 1), STEP);
    playButton.replaceChildren(icon("pause"));
    playButton.setAttribute("aria-label", "Pause");
  }

  return {
    element,
    by: (step) => (pause(), go(at + step)),
    toggle,
    layer: (place) => LAYERS[place] && choose(LAYERS[place][0]),
    /** Nothing is known yet, or of another video. */
    clear() {
      pause();
      frames = [];
      at = 0;
      for (const picture of Object.values(pictures)) picture.hidden = true;
      badge.hidden = true;
      note.hidden = false;
      note.textContent = "Decoding…";
      caption.replaceChildren();
      summary.textContent = "";
      strip.replaceChildren(...Array.from({ length: 8 }, () => el("div.skeleton")));
    },
    show(masks) {
      frames = masks.frames;
      at = Math.min(at, frames.length - 1);
      note.hidden = true;
      strip.replaceChildren(
        ...frames.map((frame, place) => thumb(frame, () => (pause(), go(place)))),
      );
      summary.textContent = `${overall(frames)} (${Math.round(masks.took_ms)} ms)`;
      go(at);
    },
    /** Something about the answer that is still to come. */
    tell(text) {
      summary.textContent = text;
      if (!frames.length) note.textContent = text;
    },
  };
}

const KINDS = { still: "Still", cut: "Cut", moving: "Moving" };

function thumb(frame, onclick) {
  const bar = el("i.share-bar");
  bar.style.setProperty("--share", Math.sqrt(Math.min(1, frame.share))); // small shares show, too
  return el(
    "button.thumb",
    {
      type: "button",
      "aria-label": `${clock(frame.time, true)}, ${KINDS[frame.kind].toLowerCase()}, ${percent(frame.share)} moves`,
      onclick,
    },
    el("img", { src: frame.mask, alt: "" }),
    bar,
    frame.kind !== "moving" && el("span.kind", {}, KINDS[frame.kind]),
  );
}

/** What is to be said of a frame. */
function inWords(frame) {
  const camera = frame.compensated ? " The camera moved, too; that was taken out." : "";
  if (frame.kind === "still")
    return `Still: ${percent(frame.share)} of the picture moves, too little to point at. The mask is all white: look at everything.${camera}`;
  if (frame.kind === "cut")
    return "Cut: nearly everything changed at once, as at a cut, a flash or a fast pan. The mask is all white: look at everything.";
  return `${percent(frame.share)} of the picture moves, with an energy of ${percent(frame.energy)}.${camera}`;
}

function overall(frames) {
  const kinds = ["moving", "still", "cut"]
    .map((kind) => [frames.filter((frame) => frame.kind === kind).length, kind])
    .filter(([number]) => number)
    .map(([number, kind]) => `${number} ${kind}`);
  const camera = frames.filter((frame) => frame.compensated).length;
  const taken = camera ? ` The camera's motion was taken out of ${camera}.` : "";
  const energy = frames.every((frame) => !frame.difference) // by the decoder's motion vectors
    ? " Energy is how far things move in 1/6 s, as a share of the short side."
    : " Energy is how much the light changes, as a share of all that it could.";
  return `${many(frames.length, "frame")}: ${kinds.join(", ")}.${taken}${energy}`;
}
