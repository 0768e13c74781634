// Which stretch of a video, and how many of its frames: a line of the whole, and three sliders.

import { el } from "./dom.js";
import { clock, span } from "./format.js";

const LONGEST = 60; // s that the server takes at once
export const FRAMES = { least: 1, most: 16, default: 8 };
const SHORTEST = 0.5; // s
const SVG = "http://www.w3.org/2000/svg";
const LIVELIEST = 6; // s of the moment in which most moves, to begin with

/** The stretch of a video in which most moves. */
export function liveliest({ duration, moments }) {
  if (duration === null) return { start: 0, end: null };
  const best = moments.reduce(
    (most, one) => (one.motion > (most?.motion ?? -1) ? one : most),
    null,
  );
  const middle = best ? (best.start + best.end) / 2 : 0;
  const start = Math.max(0, Math.min(middle - LIVELIEST / 2, duration - LIVELIEST));
  return { start: Math.round(10 * start) / 10, end: Math.min(duration, start + LIVELIEST) };
}

/** @param {(stretch: { start: number, end: number | null, frames: number }) => void} changed */
export function buildStretch(changed) {
  let video = { duration: null, moments: [] };
  let now = { start: 0, end: null, frames: FRAMES.default };
  const range = el("i.range");
  const curve = document.createElementNS(SVG, "svg");
  curve.setAttribute("class", "curves");
  curve.setAttribute("viewBox", "0 0 1000 40");
  curve.setAttribute("preserveAspectRatio", "none");
  curve.setAttribute("aria-hidden", "true");
  const line = el("div.whole", { title: "How much moves over the whole video" }, curve, range);
  const start = slider("Start", (value) => move(value, length.value()));
  const length = slider("Length", (value) => move(start.value(), value));
  const frames = slider("Frames", (value) => tell({ ...now, frames: value }));
  const unknown = el(
    "p.soft.small",
    { hidden: true },
    `From its beginning, ${LONGEST} s at most: this browser cannot tell how long it is.`,
  );
  const element = el(
    "div.stretch",
    {},
    line,
    el("div.stretch-sliders", {}, start.element, length.element, frames.element),
    unknown,
  );

  line.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    line.setPointerCapture(event.pointerId);
    under(event);
  });
  line.addEventListener("pointermove", (event) => {
    if (line.hasPointerCapture(event.pointerId)) under(event);
  });

  /** The stretch's middle goes to the pointer. */
  function under(event) {
    const box = line.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * video.duration;
    move(at - length.value() / 2, length.value());
  }

  function move(from, lasting) {
    const most = Math.max(0, video.duration - SHORTEST);
    const begin = Math.round(10 * Math.min(Math.max(0, from), most)) / 10;
    tell({ ...now, start: begin, end: Math.min(video.duration, begin + lasting) });
  }

  function tell(stretch) {
    now = stretch;
    draw();
    changed(now);
  }

  function draw() {
    const { duration } = video;
    const known = duration !== null;
    const single = !known || duration <= SHORTEST;
    unknown.hidden = known;
    line.hidden = single;
    start.element.hidden = length.element.hidden = single;
    frames.show(now.frames, FRAMES.least, FRAMES.most, 1, String(now.frames));
    if (single) return;
    const lasting = (now.end ?? Math.min(duration, now.start + LONGEST)) - now.start;
    const longest = Math.min(LONGEST, duration);
    start.show(now.start, 0, Math.max(0.1, duration - SHORTEST), 0.1, clock(now.start, true));
    length.show(lasting, SHORTEST, longest, 0.1, span(Math.round(lasting * 10) / 10));
    range.style.left = `${(100 * now.start) / duration}%`;
    range.style.width = `${(100 * lasting) / duration}%`;
  }

  return {
    element,
    show(shown, stretch) {
      if (shown.moments !== video.moments) drawCurve(curve, shown);
      line.classList.toggle("flat", shown.moments.length < 2);
      video = shown;
      now = stretch;
      draw();
    },
  };
}

/** How much moves in each moment, as steps over the whole video. */
function drawCurve(svg, { duration, moments }) {
  svg.replaceChildren();
  const most = Math.max(...moments.map((one) => one.motion), 1e-6);
  for (const { start, end, motion } of moments) {
    const bar = document.createElementNS(SVG, "rect");
    const high = Math.max(1, (38 * motion) / most);
    const given = {
      x: (1000 * start) / duration,
      width: (1000 * (end - start)) / duration,
      y: 40 - high,
      height: high,
    };
    for (const [name, value] of Object.entries(given)) bar.setAttribute(name, value.toFixed(2));
    svg.append(bar);
  }
}

function slider(label, heard) {
  const input = el("input", { type: "range" });
  const told = el("span.numbers", { "aria-hidden": "true" }); // its value text says the same
  input.addEventListener("input", () => heard(Number(input.value)));
  return {
    element: el("label.setting", {}, el("span.setting-line", {}, label, told), input),
    value: () => Number(input.value),
    show(value, min, max, step, text) {
      Object.assign(input, { min, max, step, value });
      input.setAttribute("aria-valuetext", text);
      told.textContent = text;
    },
  };
}
