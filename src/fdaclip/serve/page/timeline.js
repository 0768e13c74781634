// The whole video along a line: how well each moment fits, what moves under it, and where one is.

import { address, ask } from "./api.js";
import { el } from "./dom.js";
import { clock } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 1000,
  HIGH = 64,
  LOW = 26; // units of the drawing: across, above the line, below it

const REST = 120; // ms that the pointer rests on the line before the frame there is fetched

/** It draws itself when the server has answered. */
export function buildTimeline(hit, asked, player, signal) {
  const root = el("div.timeline", { class: "empty" });
  const line = el("div.line", {
    role: "slider",
    tabindex: "0",
    "aria-label": "Position in the video",
    "aria-valuemin": 0,
    "aria-valuemax": Math.round(hit.duration),
  });
  const head = el("i.head");
  const tipTime = el("span");
  const tipPicture = el("img", { alt: "", hidden: true });
  const tip = el("div.tip", { hidden: true, "aria-hidden": "true" }, tipPicture, tipTime);
  let resting = 0;
  tipPicture.addEventListener("load", () => (tipPicture.hidden = false));
  tipPicture.addEventListener("error", () => (tipPicture.hidden = true));
  const whole = Math.max(hit.duration, 0.1);
  line.append(head, tip);
  root.append(line);
  const share = (seconds) => `${(100 * Math.min(Math.max(seconds, 0), whole)) / whole}%`;
  const range = el("i.range");
  range.style.left = share(hit.start);
  range.style.width = share(hit.end - hit.start);
  line.prepend(range);

  const draw = () => {
    head.style.left = share(player.time());
    line.setAttribute("aria-valuenow", Math.round(player.time()));
    line.setAttribute("aria-valuetext", `${clock(player.time())} of ${clock(whole)}`);
  };
  player.onTime(draw);
  draw();
  const under = (event) => {
    const box = line.getBoundingClientRect();
    return (whole * Math.min(Math.max(event.clientX - box.left, 0), box.width)) / box.width;
  };
  line.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    line.setPointerCapture(event.pointerId);
    player.seek(under(event));
  });
  line.addEventListener("pointermove", (event) => {
    tip.hidden = false;
    tipTime.textContent = clock(under(event), true);
    tip.style.left = share(under(event));
    clearTimeout(resting);
    const time = Math.round(under(event) * 2) / 2;
    const picture = address(`/videos/${hit.video}/frame.jpg`, { time, height: 120 });
    if (!hit.offline) resting = setTimeout(() => (tipPicture.src = picture), REST);
    if (line.hasPointerCapture(event.pointerId)) player.seek(under(event));
  });
  line.addEventListener("pointerleave", () => {
    clearTimeout(resting);
    tip.hidden = true;
  });
  line.addEventListener("keydown", (event) => {
    const to = { Home: 0, End: whole, PageUp: player.time() + 10, PageDown: player.time() - 10 }[
      event.key
    ];
    if (to === undefined) return;
    event.preventDefault();
    player.seek(to);
  });

  ask(`/videos/${hit.video}/timeline`, { query: asked, signal }).then(
    ({ moments }) => fill(moments),
    () => {},
  );
  return root;

  function fill(moments) {
    if (!moments.length) return;
    root.classList.remove("empty");
    root.classList.toggle("single", moments.length === 1);
    const svg = make("svg", {
      viewBox: `0 0 ${WIDE} ${HIGH + LOW}`,
      preserveAspectRatio: "none",
      class: "curves",
      "aria-hidden": "true",
    });
    const known = moments.filter((one) => one.similarity !== null && one.similarity !== undefined);
    if (known.length) {
      const values = known.map((one) => one.similarity);
      const least = Math.min(...values),
        most = Math.max(...values);
      const height = (value) =>
        HIGH -
        4 -
        (HIGH - 8) * (most - least < 1e-6 ? 1 : 0.12 + (0.88 * (value - least)) / (most - least));
      svg.append(
        make("path", { class: "similar", d: curve(known, (one) => height(one.similarity), HIGH) }),
      );
    }
    const moves = Math.max(...moments.map((one) => one.motion), 1e-6);
    svg.append(
      make("path", {
        class: "moves",
        d: curve(moments, (one) => HIGH + 2 + (LOW - 2) * (one.motion / moves), HIGH + 1),
      }),
    );
    moments.forEach((one, place) => {
      if (place && one.shot !== moments[place - 1].shot)
        svg.append(make("path", { class: "cut-line", d: `M${x(one.start)} 0V${HIGH + LOW}` }));
    });
    line.prepend(svg);
    for (const one of moments) {
      if (one.match !== "strong" && one.match !== "likely") continue;
      if (one.start < hit.end && one.end > hit.start) continue;
      const mark = el("i.mark", { class: one.match, title: `${clock(one.start)}: ${one.match}` });
      mark.style.left = share((one.start + one.end) / 2);
      line.append(mark);
    }
    root.append(
      el(
        "div.legend.small.soft",
        {},
        known.length > 0 && el("span", {}, el("i.key.similar"), "fits what was asked"),
        el("span", {}, el("i.key.moves"), "moves"),
        el("span", {}, el("i.key.range-key"), "this moment"),
        known.some((one) => one.match === "strong" || one.match === "likely") &&
          el("span", {}, el("i.key.mark-key"), "another answer"),
      ),
    );
  }

  function x(seconds) {
    return ((WIDE * seconds) / whole).toFixed(2);
  }

  /** Through the middles of the moments, down to `base` where there is none. */
  function curve(moments, y, base) {
    let d = `M${x(moments[0].start)} ${base}`;
    let before = null;
    for (const one of moments) {
      if (before && one.start - before.end > 0.3)
        d += `L${x(before.end)} ${y(before).toFixed(2)}V${base}L${x(one.start)} ${base}`;
      if (!before || one.start - before.end > 0.3) d += `V${y(one).toFixed(2)}`;
      const middle = x((one.start + one.end) / 2);
      if (!before) d += `H${middle}`;
      else {
        const from = (before.start + before.end) / 2,
          to = (one.start + one.end) / 2,
          half = x((from + to) / 2);
        d += `C${half} ${y(before).toFixed(2)} ${half} ${y(one).toFixed(2)} ${middle} ${y(one).toFixed(2)}`;
      }
      before = one;
    }
    return `${d}H${x(before.end)}V${base}Z`;
  }
}

function make(name, given) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  return made;
}
