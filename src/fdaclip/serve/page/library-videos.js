// The videos of the library, some at a time.

import { ask } from "./api.js";
import { navigate } from "./app.js";
import { el, icon, iconButton } from "./dom.js";
import { bytes, clock, count, many } from "./format.js";
import { here } from "./library.js";

const PAGE = 60;
const AHEAD = 600; // px below the window at which more is fetched
const STATES = {
  partial: "Only in part",
  bad: "Could not be read",
  missing: "Gone",
  offline: "Disk not connected",
};

/** { show(folder, state, facts), anew(facts) }: what is listed is drawn when that differs. */
export function buildVideos(root, leaving) {
  let shown = null; // { folder, state }
  let next = null;
  let stop = new AbortController();
  const chips = el("div.row.lib-chips", { role: "group", "aria-label": "Which videos" });
  const list = el("ul.lib-grid");
  const foot = el("div.lib-foot");
  const total = el("span.soft.numbers");
  root.replaceChildren(
    el("div.lib-title", {}, el("h2", { id: "videos-title" }, "Videos"), total, chips),
    list,
    foot,
  );
  new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && next && more(), {
    rootMargin: `${AHEAD}px`,
  }).observe(foot);
  leaving.addEventListener("abort", () => stop.abort());

  function show(folder, state, facts) {
    if (shown?.folder === folder && shown.state === state) return;
    shown = { folder, state };
    anew(facts);
  }

  function anew(facts) {
    if (!shown) return;
    stop.abort();
    stop = new AbortController();
    next = null;
    total.textContent = shown.folder || shown.state ? "" : count(facts.files);
    buildChips(chips, shown, facts);
    if (!facts.files) return (list.replaceChildren(), foot.replaceChildren());
    if (!list.childElementCount)
      list.replaceChildren(...Array.from({ length: 9 }, () => el("li.skeleton.lib-video-wait")));
    load("", true);
  }

  async function load(after, first) {
    const { signal } = stop;
    try {
      const page = await ask("/videos", { query: { ...shown, after, limit: PAGE }, signal });
      const rows = page.videos.map(row);
      if (first) list.replaceChildren(...rows);
      else list.append(...rows);
      next = page.next;
      foot.replaceChildren();
      if (next) {
        foot.append(el("button.button", { type: "button", onclick: more }, "Show more"));
        if (foot.getBoundingClientRect().top < innerHeight + AHEAD) more();
      } else if (!list.childElementCount) foot.append(none());
      else if (shown.folder || shown.state) total.textContent = count(list.childElementCount);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.code === "gone") return load("", true);
      if (first) list.replaceChildren();
      next = null;
      const again = () => load(after, first);
      foot.replaceChildren(
        el(
          "div.lib-note.bad",
          { role: "alert" },
          icon("warning"),
          el("p", {}, [error.message, error.hint].filter(Boolean).join(". ")),
          el("button.button", { type: "button", onclick: again }, "Try again"),
        ),
      );
    }
  }

  function more() {
    const after = next;
    next = null; // until it is there
    if (after) load(after, false);
  }

  return { show, anew };
}

/** All, or those in one state; and the folder, if only one is listed. */
function buildChips(root, { folder, state }, facts) {
  const counts = {
    partial: facts.partial.length,
    bad: facts.bad.length,
    missing: facts.missing.length,
    offline: facts.offline.reduce((sum, disk) => sum + disk.files, 0),
  };
  const states = Object.keys(STATES).filter((one) => counts[one] || one === state);
  const chip = (one, words) =>
    el(
      "button.chip",
      {
        type: "button",
        "aria-pressed": String(one === state),
        onclick: () => navigate(here({ state: one })),
      },
      words,
    );
  root.replaceChildren(
    ...(folder
      ? [
          el(
            "span.chip.on.lib-in",
            {},
            icon("folder"),
            el("span.cut", { title: folder }, folder.split("/").pop() || folder),
            iconButton("close", `All folders, not only ${folder}`, () =>
              navigate(here({ folder: null })),
            ),
          ),
        ]
      : []),
    ...(states.length
      ? [
          chip("", "All"),
          ...states.map((one) =>
            chip(one, folder ? STATES[one] : `${STATES[one]} ${count(counts[one])}`),
          ),
        ]
      : []),
  );
}

function row(video) {
  const opens = video.moments > 0 && video.state !== "missing" && video.state !== "bad";
  const state = video.offline ? "offline" : video.state;
  const facts = [
    video.duration > 0 && clock(video.duration),
    video.moments > 0 && many(video.moments, "moment"),
    video.height > 0 && `${video.height}p`,
  ];
  const inside = [
    el(
      "span.lib-shot",
      {},
      icon(state === "offline" ? "unplugged" : "film"),
      video.thumbnail &&
        el("img", {
          src: video.thumbnail,
          alt: "",
          loading: "lazy",
          decoding: "async",
          onerror: (event) => event.target.remove(),
        }),
    ),
    el(
      "span.lib-video-text",
      {},
      el("strong.cut", { title: video.path }, video.name),
      el("span.soft.small.cut", { title: video.folder }, video.folder),
      el(
        "span.small.numbers.cut",
        { title: bytes(video.bytes) },
        facts.filter(Boolean).join(" · "),
      ),
      state !== "ok" &&
        el("span.small.lib-state", {}, STATES[state], video.reason && `: ${video.reason}`),
    ),
  ];
  return el(
    "li.lib-video",
    { "data-state": state },
    opens
      ? el("a.lib-open", { href: here({ video: video.id, m: null }) }, inside)
      : el("div.lib-open", {}, inside),
  );
}

const none = () => el("p.soft.lib-none", {}, "No video is here that is like that.");
