// A moment in the grid: its picture, which plays when pointed at, and what is known of it.

import { address } from "./api.js";
import { el, icon, iconButton } from "./dom.js";
import { clock, span } from "./format.js";
import { changed, moreLike } from "./search.js";
import * as picked from "./picked.js";

const PATIENCE = 140; // ms that the pointer rests before a picture plays
const NAMES = { strong: "Strong", likely: "Likely", weak: "Weak" };

/** How well it fits, in a word and from 0 to 1; against the best of the page where no word is known. */
export function fit(hit, hits) {
  const best = Math.max(...hits.map((one) => one.score), 1e-6);
  const share = hit.confidence ?? Math.max(0, hit.score) / best;
  return { name: NAMES[hit.match] ?? "", share: Math.min(1, Math.max(0.03, share)) };
}

/** The word and the bar. */
export function fitSign(hit, hits) {
  const { name, share } = fit(hit, hits);
  const fill = el("i");
  fill.style.width = `${share * 100}%`;
  return el(
    "span.fit",
    { class: hit.match, title: `similarity ${hit.score.toFixed(3)}` },
    el("span", {}, name || hit.score.toFixed(2)),
    el("span.fit-bar", { "aria-hidden": "true" }, fill),
  );
}

/** An empty card. */
export function buildCard() {
  return el("li.hit");
}

/** Show a hit in a card; of one that shows it already, only what differs is made anew. */
export function fillCard(card, hit, hits) {
  const about = el(
    "div.about",
    {},
    el(
      "div.about-line",
      {},
      el("span.name.cut", { title: hit.path }, hit.name),
      fitSign(hit, hits),
    ),
    el(
      "div.about-line.soft",
      {},
      el(
        "span.cut",
        { title: hit.folder },
        icon("folder"),
        hit.folder.split(/[\\/]/).filter(Boolean).pop() ?? hit.folder,
      ),
      more(hit),
    ),
    said(hit),
  );
  if (card.dataset.id === hit.id) {
    card.querySelector(".about").replaceWith(about);
    card.querySelector(".hit-link").href = changed({ m: hit.id, why: null });
    return card;
  }
  card.dataset.id = hit.id;
  const image = el("img", {
    src: hit.thumbnail,
    alt: "",
    decoding: "async",
    fetchpriority: "low",
    width: 320,
    height: 180,
  });
  picture(image, hit);
  const link = el(
    "a.hit-link",
    {
      href: changed({ m: hit.id, why: null }),
      tabindex: "-1",
      draggable: "false",
      "aria-label": `${hit.name}, ${clock(hit.start)} to ${clock(hit.end)}${hit.match ? `, ${NAMES[hit.match]}` : ""}${hit.offline ? ", disk not connected" : ""}`,
    },
    image,
    el("span.time", {}, `${clock(hit.start)} – ${clock(hit.end)}`),
    hit.offline && el("span.offline", {}, icon("unplugged"), "Offline"),
  );
  const select = iconButton(
    "check",
    `Select ${hit.name} at ${clock(hit.start)}`,
    (event) => picked.toggle(hit, event.shiftKey),
    "X",
  );
  select.classList.add("select");
  select.setAttribute("aria-pressed", picked.has(hit.id));
  card.classList.toggle("picked", picked.has(hit.id));
  card.classList.toggle("away", hit.offline);
  const like = iconButton("like", "More like this", () => moreLike(hit.id), "M");
  like.classList.add("like");
  const frame = el("div.frame", {}, link, select, like);
  if (hit.width && hit.width < 1.25 * hit.height) {
    link.classList.add("tall"); // shown whole, on itself darkened
    link.style.backgroundImage = `linear-gradient(#000a, #000a), url("${hit.thumbnail}")`;
  }
  card.replaceChildren(frame, about);
  if (!hit.offline) plays(card, frame, link, hit);
  return card;
}

/** A library made long ago holds no pictures of its moments: then a frame of the file; else a sign. */
export function picture(image, hit) {
  const frame = address(`/videos/${hit.video}/frame.jpg`, {
    time: ((hit.start + hit.end) / 2).toFixed(2),
    height: 180,
  });
  image.addEventListener("error", () => (image.src = frame), { once: true });
  image.addEventListener(
    "error",
    () =>
      image.getAttribute("src") === frame &&
      image.replaceWith(el("span.no-picture", {}, icon("film"))),
  );
}

/** The words that matched, unless they are but the file's name. */
export const said = (hit) => hit.text && hit.text !== hit.name && el("p.said", {}, `“${hit.text}”`);

function more(hit) {
  const told = [];
  if (hit.others.length) told.push(`+${hit.others.length} in this video`);
  if (hit.alike.length) told.push(`${hit.alike.length} alike`);
  return el("span.numbers", {}, told.join(" · ") || span(hit.end - hit.start));
}

function plays(card, frame, link, hit) {
  let video = null;
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    if (!video) return;
    video.removeAttribute("src");
    video.load();
    video.remove();
    video = null;
  };
  const start = () => {
    if (video) return;
    video = el("video", {
      muted: true,
      playsinline: true,
      loop: true,
      "aria-hidden": "true",
      tabindex: "-1",
    });
    const line = el("i.playing");
    let source = "media";
    let offset = hit.start;
    const made = video;
    made.addEventListener(
      "loadedmetadata",
      () => source === "media" && (made.currentTime = hit.start),
    );
    made.addEventListener("playing", () => made.classList.add("on"));
    made.addEventListener("timeupdate", () => {
      const at = source === "media" ? made.currentTime : made.currentTime + offset;
      line.style.width = `${Math.min(100, (100 * (at - hit.start)) / Math.max(0.1, hit.end - hit.start))}%`;
      if (source === "media" && made.currentTime >= hit.end) made.currentTime = hit.start;
    });
    made.addEventListener("error", () => {
      if (made !== video || source === "clip") return;
      source = "clip"; // what the browser cannot play, the server turns into what it can
      made.src = hit.clip;
      made.play().catch(() => {});
    });
    made.src = hit.media;
    link.append(made, line);
    made.play().catch(() => {});
  };
  frame.addEventListener(
    "pointerenter",
    (event) => event.pointerType === "mouse" && (timer = setTimeout(start, PATIENCE)),
  );
  frame.addEventListener("pointerleave", () => (stop(), link.querySelector(".playing")?.remove()));
  card.addEventListener("preview", () =>
    video ? (stop(), link.querySelector(".playing")?.remove()) : start(),
  );
  link.addEventListener("blur", () => (stop(), link.querySelector(".playing")?.remove()));
}
