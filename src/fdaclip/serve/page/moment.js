// A moment opened: the player that starts there, the video's timeline, and why it matched.

import { ask } from "./api.js";
import { navigate } from "./app.js";
import { dropped } from "./box.js";
import { fitSign, said } from "./cards.js";
import { el, errorNotice, icon, iconButton, notice, toast } from "./dom.js";
import { bytes, clock, many } from "./format.js";
import { changed, hits, moreLike } from "./search.js";
import * as picked from "./picked.js";
import { buildTimeline } from "./timeline.js";
import { showWhy } from "./why.js";

const EXCERPT = 60; // s of video that the server turns into what a browser plays, at most
let open = null; // { id, dialog, leave, act }

/** Close it, if one is open; the address is not touched. */
export function closeMoment() {
  if (!open) return;
  const { dialog, leave, id } = open;
  open = null;
  leave.abort();
  dialog.close();
  dialog.remove();
  document.querySelector(`.hit[data-id="${id}"] .hit-link`)?.focus({ preventScroll: false });
}

/** The address with some things changed, in the view that shows the moment. */
const there = (changes) => location.pathname + changed(changes).slice(1);
const shut = () => navigate(there({ m: null, why: null }));

/** Open the moment of that id, or do nothing if it is open. */
export async function openMoment(id) {
  const whyAsked = new URLSearchParams(location.search).get("why") === "1";
  if (open?.id === id) return open.why?.(whyAsked);
  if (open) (open.leave.abort(), open.dialog.remove());
  const leave = new AbortController();
  const dialog = el("dialog.moment", { "aria-label": "Moment" });
  open = { id, dialog, leave };
  const mine = open;
  dialog.addEventListener("cancel", (event) => (event.preventDefault(), shut()));
  document.body.append(dialog);
  dialog.showModal();
  try {
    const hit =
      hits().find((one) => one.id === id) ??
      (await ask(`/moments/${encodeURIComponent(id)}`, { signal: leave.signal }));
    if (open === mine) build(mine, hit, leave.signal, whyAsked);
  } catch (error) {
    if (error.name === "AbortError") return;
    dialog.replaceChildren(
      el("div.moment-head", {}, el("span"), iconButton("close", "Close", shut, "Esc")),
      errorNotice(error, () => ((open = null), dialog.remove(), openMoment(id))),
    );
  }
}

function build(mine, hit, signal, whyAsked) {
  const asked = new URLSearchParams(location.search);
  const meant = !dropped && (asked.get("q") || asked.get("like"));
  const all = hits();
  const place = all.findIndex((one) => one.id === hit.id);
  const beside = (step) =>
    all[place + step] &&
    place >= 0 &&
    navigate(there({ m: all[place + step].id }), { replace: true });
  const select = () => {
    picked.toggle(hit);
    selectButton.setAttribute("aria-pressed", picked.has(hit.id));
  };

  const player = buildPlayer(hit, signal);
  const timeline = buildTimeline(
    hit,
    { q: meant ? asked.get("q") : "", like: meant ? asked.get("like") : "" },
    player,
    signal,
  );
  const whyPanel = el("section.why", { id: "why", "aria-label": "Why it matched", hidden: true });
  const whyButton = el(
    "button.button",
    {
      type: "button",
      "aria-controls": "why",
      "aria-expanded": "false",
      title: "Why it matched (W)",
    },
    icon("why"),
    "Why it matched",
  );
  const toggleWhy = () => navigate(there({ why: whyPanel.hidden ? "1" : null }), { replace: true });
  whyButton.addEventListener("click", toggleWhy);
  whyButton.hidden = !meant;
  mine.why = (wanted) => {
    const shown = Boolean(wanted && meant);
    if (shown && whyPanel.hidden)
      showWhy(whyPanel, hit, { q: asked.get("q"), like: asked.get("like") }, player, signal);
    whyPanel.hidden = !shown;
    whyButton.setAttribute("aria-expanded", String(shown));
    whyButton.classList.toggle("main", shown);
    mine.dialog.classList.toggle("with-why", shown);
  };
  const selectButton = el(
    "button.button",
    {
      type: "button",
      "aria-pressed": String(picked.has(hit.id)),
      title: "Select (X)",
      onclick: select,
    },
    icon("check"),
    "Select",
  );
  const copy = () =>
    navigator.clipboard.writeText(location.href).then(
      () => toast("Link copied"),
      () => toast("The link could not be copied", "bad"),
    );

  mine.dialog.setAttribute("aria-label", `${hit.name}, ${clock(hit.start)} to ${clock(hit.end)}`);
  mine.dialog.replaceChildren(
    el(
      "div.moment-head",
      {},
      el(
        "div.moment-name",
        {},
        el("h2.cut", { title: hit.path }, hit.name),
        el("p.soft.small.cut", { title: hit.folder }, hit.folder),
      ),
      place >= 0 &&
        el(
          "div.row.nowrap",
          {},
          arrow("left", "Previous moment", "P", () => beside(-1), place === 0),
          el("span.soft.small.numbers", {}, `${place + 1} / ${all.length}`),
          arrow("right", "Next moment", "N", () => beside(1), place === all.length - 1),
        ),
      iconButton("close", "Close", shut, "Esc"),
    ),
    el("div.stage", {}, player.element, timeline),
    el(
      "div.moment-side",
      {},
      el(
        "div.moment-facts",
        {},
        meant && hit.match !== undefined && hit.score !== 0 && fitSign(hit, all),
        el("p.moment-time.numbers", {}, `${clock(hit.start, true)} – ${clock(hit.end, true)}`),
      ),
      said(hit),
      el(
        "div.acts",
        {},
        whyButton,
        el(
          "button.button",
          { type: "button", title: "More like this (M)", onclick: () => moreLike(hit.id) },
          icon("like"),
          "More like this",
        ),
        selectButton,
        el("button.button", { type: "button", onclick: copy }, icon("link"), "Copy link"),
      ),
      facts(hit),
    ),
    whyPanel,
  );
  mine.why(whyAsked);
  player.element.focus({ preventScroll: true });

  mine.dialog.addEventListener(
    "keydown",
    (event) => {
      if (event.metaKey || event.ctrlKey || event.altKey || event.target.closest("input, select"))
        return;
      if (event.key === " " && event.target.closest("button")) return;
      const act = {
        " ": player.toggle,
        k: player.toggle,
        ArrowLeft: () => player.by(-1),
        ArrowRight: () => player.by(1),
        ",": () => player.by(-1 / 25, true),
        ".": () => player.by(1 / 25, true),
        p: () => beside(-1),
        n: () => beside(1),
        r: player.repeat,
        w: () => meant && toggleWhy(),
        x: select,
        m: () => moreLike(hit.id),
        f: player.full,
      }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act) return;
      event.preventDefault();
      act();
    },
    { signal },
  );
}

function arrow(name, label, key, act, off) {
  const button = iconButton(name, label, act, key);
  button.disabled = off;
  return button;
}

function facts(hit) {
  const also = hit.also.length ? many(hit.also.length, "more copy").replace("copys", "copies") : "";
  const told = [
    hit.width && `${hit.width} × ${hit.height}`,
    `${clock(hit.duration)} long`,
    hit.share > 0 && `${Math.max(1, Math.round(hit.share * 100))} % of the picture moves`,
    hit.when &&
      new Date(typeof hit.when === "number" ? hit.when * 1000 : hit.when).toLocaleDateString(),
    hit.bytes && bytes(hit.bytes),
    also,
  ];
  return el(
    "ul.row.facts",
    {},
    told.filter(Boolean).map((one) => el("li.chip.fact", {}, one)),
  );
}

/** The video with its own few controls; `time` and `seek` are in seconds of the whole file. */
function buildPlayer(hit, signal) {
  const video = el("video", {
    playsinline: true,
    preload: "auto",
    poster: hit.thumbnail,
    "aria-label": hit.name,
  });
  const heard = new EventTarget();
  let offset = 0; // s of the file at which what is being played begins
  let excerpt = false;
  let repeating = true;
  const element = el("div.player", { tabindex: "-1" });
  const player = {
    element,
    video,
    time: () => offset + video.currentTime,
    onTime: (told) => heard.addEventListener("time", told, { signal }),
    seek(at, keep = false) {
      const to = Math.min(Math.max(0, at), Math.max(0, hit.duration - 0.05));
      if (!keep && (to < hit.start - 0.05 || to > hit.end)) setRepeating(false);
      if (excerpt && (to < offset || to >= offset + (video.duration || EXCERPT)))
        return loadExcerpt(to);
      video.currentTime = to - offset;
      heard.dispatchEvent(new Event("time"));
    },
    by: (seconds, pause) => (pause && video.pause(), player.seek(player.time() + seconds)),
    toggle: () => (video.paused ? video.play().catch(() => {}) : video.pause()),
    repeat: () => (setRepeating(!repeating), repeating && player.seek(hit.start)),
    full: () =>
      document.fullscreenElement ? document.exitFullscreen() : element.requestFullscreen?.(),
  };
  if (hit.offline) {
    element.append(
      el("img.still", { src: hit.thumbnail, alt: "" }),
      notice({
        sign: "unplugged",
        title: "The disk of this video is not connected",
        text: `Connect it, and it plays.\n${hit.path}`,
      }),
    );
    element.classList.add("away");
    return player;
  }
  const playButton = iconButton("play", "Play", player.toggle, "Space");
  const repeatButton = iconButton("loop", "Repeat only this moment", player.repeat, "R");
  const muteButton = iconButton("sound", "Sound off", () => (video.muted = !video.muted));
  const at = el("span.numbers.at", {}, el("span"), el("span", {}, ` / ${clock(hit.duration)}`));
  const speed = el(
    "select.speed",
    { "aria-label": "Speed" },
    [0.25, 0.5, 1, 2].map((rate) => el("option", { value: rate }, `${rate}×`)),
  );
  speed.value = "1";
  speed.addEventListener("change", () => (video.playbackRate = Number(speed.value)));
  const note = el("span.soft.small.player-note");
  const draw = () => {
    at.firstChild.textContent = clock(player.time(), true);
    heard.dispatchEvent(new Event("time"));
  };
  function setRepeating(on) {
    repeating = on;
    repeatButton.setAttribute("aria-pressed", String(on));
  }
  function loadExcerpt(from) {
    excerpt = true;
    offset = Math.max(0, from);
    const end = Math.min(
      hit.duration,
      Math.max(offset + 1, repeating ? hit.end : offset + EXCERPT),
    );
    note.textContent = "converted for this browser";
    video.src = `/api/v1/videos/${hit.video}/clip.mp4?start=${offset.toFixed(3)}&end=${end.toFixed(3)}`;
    video.play().catch(() => {});
  }
  const arrive = () =>
    !excerpt &&
    (video.currentTime < hit.start - 0.5 || video.currentTime > hit.end) &&
    player.seek(hit.start, true);
  video.addEventListener("loadedmetadata", arrive);
  video.addEventListener("playing", arrive, { once: true }); // where the first seek came too early
  video.addEventListener("error", () => {
    if (signal.aborted) return;
    if (!excerpt) return loadExcerpt(hit.start);
    element.replaceChildren(
      el("img.still", { src: hit.thumbnail, alt: "" }),
      notice({
        sign: "warning",
        title: "This video cannot be played",
        text: "The file is gone or has changed since it was indexed. Index its folder again.",
      }),
    );
    element.classList.add("away");
  });
  video.addEventListener(
    "timeupdate",
    () => repeating && player.time() >= hit.end - 0.02 && player.seek(hit.start, true),
  );
  video.addEventListener(
    "ended",
    () => repeating && (player.seek(hit.start, true), video.play().catch(() => {})),
  );
  for (const name of ["play", "pause"]) {
    video.addEventListener(name, () => {
      playButton.replaceChildren(icon(video.paused ? "play" : "pause"));
      playButton.setAttribute("aria-label", video.paused ? "Play" : "Pause");
    });
  }
  video.addEventListener("volumechange", () => {
    muteButton.replaceChildren(icon(video.muted ? "mute" : "sound"));
    muteButton.setAttribute("aria-label", video.muted ? "Sound on" : "Sound off");
  });
  video.addEventListener("click", player.toggle);
  let frame = 0;
  const tick = () => (video.paused || draw(), (frame = requestAnimationFrame(tick)));
  tick();
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(frame);
    video.removeAttribute("src");
    video.load();
  });
  video.addEventListener("seeked", draw);
  setRepeating(true);
  element.append(
    video,
    el(
      "div.controls",
      {},
      playButton,
      at,
      note,
      el("span.grow"),
      repeatButton,
      muteButton,
      speed,
      iconButton("full", "Full screen", player.full, "F"),
    ),
  );
  video.src = hit.media;
  video.play().catch(() => ((video.muted = true), video.play().catch(() => {})));
  draw();
  return player;
}
