// Which video the masks are of: one of the library, or a file that is dropped or chosen.

import { ask } from "./api.js";
import { el, errorNotice, icon, iconButton, notice } from "./dom.js";
import { bytes, count, span } from "./format.js";

const PATIENCE = 4000; // ms for a browser to tell how long a file lasts
const PAGE = 200; // videos that are asked for at once
const ENOUGH = 60; // that are shown, until more is asked for by typing

/** A dialog with the library's videos; resolves with the one that is chosen, or null. */
export function chooseVideo(signal) {
  return new Promise((done) => {
    const found = el("ul.videos");
    const told = el("p.soft.small", { role: "status" });
    const box = el("input.input", {
      type: "search",
      placeholder: "Part of a name or folder",
      "aria-label": "Filter the videos",
      spellcheck: "false",
      autofocus: true,
    });
    const close = (chosen = null) => (done(chosen), dialog.close());
    const dialog = el(
      "dialog.sheet.video-sheet",
      { "aria-labelledby": "videos-title", onclose: () => (dialog.remove(), done(null)) },
      el(
        "div.sheet-head",
        {},
        el("h2", { id: "videos-title" }, "Videos of the library"),
        iconButton("close", "Close", () => close(), "Esc"),
      ),
      el("div.sheet-body.stack", {}, box, told, found),
    );
    dialog.addEventListener("click", (event) => event.target === dialog && close());
    dialog.addEventListener("keydown", (event) => arrows(event, box, found));
    signal.addEventListener("abort", () => close());
    box.addEventListener("input", fill);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") found.querySelector("button:not(:disabled)")?.click();
    });
    document.body.append(dialog);
    dialog.showModal();

    const known = [];
    let next = "";
    let loading = null;
    fill();

    /** Show those that fit; fetch more of them while too few do. */
    async function fill() {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (video) => {
        const text = `${video.folder}/${video.name}`.toLowerCase();
        return words.every((word) => text.includes(word));
      };
      const fitting = known.filter(fits);
      found.replaceChildren(...fitting.slice(0, ENOUGH).map((video) => entry(video, close)));
      if (next !== null && fitting.length < ENOUGH) {
        told.textContent = known.length ? `Looking… ${count(known.length)} so far` : "";
        if (!known.length) found.append(...Array.from({ length: 6 }, () => el("li.skeleton")));
        return more();
      }
      told.textContent = !known.length
        ? "This library has no videos yet."
        : !fitting.length
          ? "No video is called like that."
          : fitting.length > ENOUGH
            ? `${count(ENOUGH)} of ${next === null ? count(fitting.length) : "many"}; type to narrow them down.`
            : "";
    }

    async function more() {
      if (loading) return;
      try {
        loading = ask("/videos", { query: { limit: PAGE, after: next }, signal });
        const page = await loading;
        known.push(...page.videos.filter((video) => video.thumbnail));
        next = page.next;
        loading = null;
        if (dialog.open) fill();
      } catch (error) {
        loading = null;
        if (error.name !== "AbortError")
          found.replaceChildren(el("li.all", {}, errorNotice(error, fill)));
      }
    }
  });
}

function entry(video, close) {
  return el(
    "li",
    {},
    el(
      "button.video",
      { type: "button", disabled: video.offline, title: video.path, onclick: () => close(video) },
      el("img", { src: video.thumbnail, alt: "", loading: "lazy", decoding: "async" }),
      el("span.cut", {}, video.name),
      el("small.soft", {}, video.offline ? "Offline" : span(video.duration)),
    ),
  );
}

/** From the box down into the pictures, and among them as they lie. */
function arrows(event, box, found) {
  const buttons = [...found.querySelectorAll("button:not(:disabled)")];
  const at = buttons.indexOf(document.activeElement);
  const columns = getComputedStyle(found).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (!step || !buttons.length || (event.target === box && event.key !== "ArrowDown")) return;
  event.preventDefault();
  if (at >= 0 && at + step < 0) return box.focus();
  buttons[at < 0 ? 0 : Math.min(at + step, buttons.length - 1)].focus();
}

/** Let files be dropped anywhere on the page. */
export function takeDrops(root, taken, signal) {
  root.dataset.takesFiles = "";
  const veil = el(
    "div.veil",
    { hidden: true },
    el("div.veil-frame", {}, icon("film"), el("strong", {}, "Drop to see what moves in it")),
  );
  root.append(veil);
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const on = (name, act) =>
    addEventListener(name, (event) => files(event) && act(event), { signal });
  on("dragenter", () => (depth++, (veil.hidden = false)));
  on("dragleave", () => --depth <= 0 && (veil.hidden = true));
  on("dragover", (event) => event.preventDefault());
  on("drop", (event) => {
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    if (event.dataTransfer.files[0]) taken(event.dataTransfer.files[0]);
  });
  signal.addEventListener("abort", () => delete root.dataset.takesFiles);
}

/** s that a file lasts, as far as the browser can tell; null if it cannot play it. */
export function lengthOf(file) {
  const url = URL.createObjectURL(file);
  const video = el("video", { preload: "metadata", muted: true });
  return new Promise((done) => {
    video.addEventListener("loadedmetadata", () =>
      done(Number.isFinite(video.duration) && video.duration > 0 ? video.duration : null),
    );
    video.addEventListener("error", () => done(null));
    setTimeout(() => done(null), PATIENCE);
    video.src = url;
  }).finally(() => {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  });
}

/** What stands where frames will be, when there is no video to show. */
export const noVideo = (readOnly, choose) =>
  notice({
    sign: "film",
    title: "No video yet",
    text: readOnly
      ? "This library is empty. Drop a video here, or choose one of this machine."
      : "This library is empty. Drop a video here, choose one of this machine, or add a folder to the library.",
    actions: [
      el("button.button.main", { type: "button", onclick: choose }, "Choose a file"),
      !readOnly && el("a.button", { href: "/library" }, "Add a folder"),
    ].filter(Boolean),
  });

/** What is said of a video: its picture, name and size. */
export function sourceOf(facts, picture, own) {
  const told = facts && [
    facts.duration && span(facts.duration),
    facts.width && `${facts.width} × ${facts.height}`,
    bytes(facts.bytes),
  ];
  return el(
    "div.source-line",
    {},
    picture ? el("img", { src: picture, alt: "" }) : el("div.no-video", {}, icon("film")),
    el(
      "div.source-name",
      {},
      el("h2.cut", { title: facts?.path ?? facts?.name ?? "" }, facts?.name ?? "No video"),
      el(
        "p.soft.small",
        {},
        told ? told.filter(Boolean).map(unbroken).join(" · ") : "Choose one, or drop it here",
      ),
      own && el("p.soft.small", {}, "Goes to this server, and is not kept"),
    ),
  );
}

/** The same while nothing is known of it yet. */
export const waiting = () => el("div.source-line", {}, el("div.skeleton"), el("div.skeleton"));

const unbroken = (text) => text.replaceAll(" ", "\u00a0");
