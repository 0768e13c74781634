// The search view: what is asked stands in the address, the answers in a grid of pictures.

import { address, ask, library } from "./api.js";
import { dropped, onAsked, showAsked, take, words } from "./box.js";
import { buildCard, fillCard } from "./cards.js";
import { el, errorNotice, icon, notice, toast } from "./dom.js";
import { buildFilters } from "./filters.js";
import { count, many, span } from "./format.js";
import { closeMoment, openMoment } from "./moment.js";
import { navigate } from "./app.js";
import * as picked from "./picked.js";

export const title = "";
export const FILTERS = [
  "without",
  "folder",
  "path",
  "since",
  "until",
  "longer",
  "shorter",
  "motion",
  "resolution",
  "audio",
  "group",
  "text",
];
const PAGE = 24;
const REST = 400; // ms without a new question after which more is fetched than was asked for
const AHEAD = 800; // px below the window at which more is fetched
const COME_BACK = 3; // s after which a server that was gone is asked again
const PAUSE = 70; // ms: while an answer is under way, keys that follow sooner are one question

let view = null; // what is on the page while the view is shown
let answers = { key: "", hits: [], next: null };
const kept = new Map(); // answers by question, the latest 40: going back is at once

const params = () => new URLSearchParams(location.search);

/** The moments on the page, in order; none while another view is shown. */
export const hits = () => (view ? answers.hits : []);

/** The address of this search with some things changed; null takes one away. */
export function changed(changes) {
  const next = params();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return text ? `/?${text}` : "/";
}

/** Search for what looks like this moment. */
export function moreLike(id) {
  if (dropped) take(null);
  navigate(`/?${new URLSearchParams({ like: id })}`);
  scrollTo(0, 0);
}

export async function show(root, leaving) {
  const grid = el("ol.grid", { "aria-label": "Moments" });
  view = {
    leaving,
    grid,
    hero: el("div.hero"),
    filters: el("div.filters", { role: "group", "aria-label": "Filters" }),
    status: el("p.status", { role: "status", "aria-live": "polite" }),
    banner: el("div"),
    more: el("div.more"),
    aborter: null,
    timer: 0,
    resting: 0,
  };
  answers = { key: "", hits: [], next: null };
  kept.clear(); // the library may have grown meanwhile
  root.append(view.hero, view.filters, view.status, view.banner, grid, view.more);
  buildFilters(view.filters);
  picked.show(root, leaving);
  onAsked(heard, leaving);
  addEventListener("keydown", keys, { signal: leaving });
  leaving.addEventListener("abort", () => {
    view?.aborter?.abort();
    delete document.body.dataset.home;
    closeMoment();
    view = null;
  });
  new IntersectionObserver(
    (seen) => seen.some((one) => one.isIntersecting) && !view.resting && further(),
    {
      rootMargin: `${AHEAD}px`,
    },
  ).observe(view.more);
  update();
  if (document.body.dataset.home !== undefined && matchMedia("(hover: hover)").matches)
    document.getElementById("q").focus();
}

/** The address changed: search anew if the question did, open or close a moment if that did. */
export async function update() {
  if (!view) return;
  const asked = params();
  showAsked(asked.get("q") ?? "", asked.get("like") ?? "");
  const home = !asking(asked);
  document.title = asked.get("q") ? `${asked.get("q")} · fdaclip` : "fdaclip";
  if (home) document.body.dataset.home = "";
  else delete document.body.dataset.home;
  buildFilters(view.filters);
  const open = asked.get("m");
  if (!open) closeMoment();
  await search(home); // of its answers the moment is one: how well it fits, what is next to it
  if (open && view && params().get("m") === open) openMoment(open);
}

const asking = (asked) => Boolean(dropped || asked.get("q")?.trim() || asked.get("like"));

function heard(what) {
  const text = words().trim();
  const next = changed({
    q: text,
    like: what === "picture" ? null : params().get("like"),
    m: null,
    why: null,
  });
  const fresh = !params().get("q") && text;
  clearTimeout(view.timer);
  if (what === "words") {
    view.timer = setTimeout(() => navigate(next, { replace: !fresh }), view.aborter ? PAUSE : 0);
  } else {
    navigate(next, { replace: what === "picture" });
    if (what === "enter")
      (view.grid.querySelector(".hit-link") ?? document.getElementById("q")).focus();
  }
}

function question(asked) {
  const given = { q: asked.get("q")?.trim() ?? "", like: asked.get("like") ?? "" };
  for (const name of FILTERS) given[name] = asked.get(name) ?? "";
  return given;
}

async function fetchPage(asked, after, signal) {
  const query = { ...question(asked), limit: PAGE, after };
  if (!dropped) return ask("/search", { query, signal });
  const form = new FormData();
  for (const [name, value] of Object.entries(query)) if (value) form.set(name, value);
  form.set(dropped.kind, dropped.file, dropped.file.name || "pasted.png");
  return ask("/search", { form, signal });
}

/** Ask, unless the answers on the page are those; `again` is a second try by itself. */
async function search(home, again = false) {
  const asked = params();
  const key = `${dropped?.url ?? ""} ${JSON.stringify(question(asked))}`;
  if (key === answers.key && !answers.failed) return;
  view.aborter?.abort();
  if (home) {
    answers = { key, hits: [], next: null };
    return showHome();
  }
  const aborter = (view.aborter = new AbortController());
  answers = { key, hits: [], next: null };
  document.body.dataset.busy = "";
  const waiting = setTimeout(() => !view?.grid.childElementCount && showSkeleton(), 180);
  try {
    const page = kept.get(key) ?? (await fetchPage(asked, null, aborter.signal));
    kept.delete(key);
    kept.set(key, page);
    if (kept.size > 40) kept.delete(kept.keys().next().value);
    if (aborter.signal.aborted || !view) return;
    showAnswers(page);
  } catch (error) {
    if (error.name === "AbortError" || !view) return;
    answers.failed = true;
    if (error.status === 503 && !again) return retry(key, error.retryAfter || 1);
    view.grid.replaceChildren();
    view.status.textContent = "";
    view.hero.replaceChildren();
    view.banner.replaceChildren(errorNotice(error, () => search(false)));
    if (error.code === "unreachable") retry(key, COME_BACK);
  } finally {
    clearTimeout(waiting);
    if (view?.aborter === aborter) {
      view.aborter = null;
      delete document.body.dataset.busy;
    }
  }
}

/** Ask the same once more after some seconds, if nobody has asked for something else. */
function retry(key, seconds) {
  setTimeout(() => answers.key === key && answers.failed && search(false, true), seconds * 1000);
}

function showSkeleton() {
  view.hero.replaceChildren();
  view.banner.replaceChildren();
  view.grid.className = "grid";
  view.grid.replaceChildren(
    ...Array.from({ length: 12 }, () => el("li.hit.waiting", {}, el("div.skeleton"))),
  );
}

function showAnswers(page) {
  view.hero.replaceChildren(el("h1.unseen", {}, "Moments"));
  answers.hits = page.hits;
  answers.next = page.next;
  view.grid.className = page.nothing ? "grid faint" : "grid";
  const old = new Map([...view.grid.children].map((card) => [card.dataset.id, card]));
  view.grid.replaceChildren(
    ...page.hits.map((hit) => fillCard(old.get(hit.id) ?? buildCard(), hit, page.hits)),
  );
  const open = view.grid.querySelector(".hit-link");
  if (open) open.tabIndex = 0;
  const filtered = FILTERS.some((name) => name !== "group" && params().get(name));
  view.banner.replaceChildren();
  if (!page.hits.length) {
    view.status.textContent = "No moment found";
    view.banner.replaceChildren(
      notice({
        sign: "search",
        title: filtered ? "Nothing passes these filters" : "Nothing to show",
        text: filtered
          ? "Take some away, or ask for something else."
          : "The library holds no moment that could answer this.",
        actions: filtered
          ? [
              el(
                "a.button",
                { href: changed(Object.fromEntries(FILTERS.map((name) => [name, null]))) },
                "Clear the filters",
              ),
            ]
          : [],
      }),
    );
    return;
  }
  const among = page.searched ? ` among ${many(page.searched, "moment")}` : "";
  const took = `${among} · ${page.took_ms < 10 ? page.took_ms.toFixed(1) : count(Math.round(page.took_ms))} ms`;
  view.status.textContent =
    (page.nothing ? "Nothing here looks like that; the nearest" : "The best") + took;
  if (page.nothing) {
    view.banner.replaceChildren(
      el(
        "div.nothing",
        {},
        el("h2", {}, "Nothing here looks like that."),
        el(
          "p.soft",
          {},
          "These are the nearest; none is nearer than a sentence about anything would find.",
        ),
      ),
    );
  }
  clearTimeout(view.resting);
  view.resting = setTimeout(further, REST);
}

/** The next page, if the end of this one is near. */
async function further() {
  if (view) view.resting = 0;
  if (!view || !answers.next || view.more.getBoundingClientRect().top > innerHeight + AHEAD) return;
  const { key, next } = answers;
  answers.next = null;
  try {
    const page = await fetchPage(params(), next, view.leaving);
    if (!view || answers.key !== key) return;
    answers.hits = [...answers.hits, ...page.hits];
    answers.next = page.next;
    view.grid.append(...page.hits.map((hit) => fillCard(buildCard(), hit, answers.hits)));
    further();
  } catch (error) {
    if (error.name !== "AbortError") answers.next = next;
  }
}

async function showHome() {
  view.banner.replaceChildren();
  view.grid.replaceChildren();
  view.status.textContent = "";
  view.hero.replaceChildren(el("h1", {}, "Find the moment."));
  const { leaving } = view;
  const home = () => view && !leaving.aborted && document.body.dataset.home !== undefined;
  try {
    const facts = await library();
    if (!home()) return;
    if (!facts.moments) {
      view.banner.replaceChildren(
        notice({
          sign: "film",
          title: facts.files
            ? "Nothing in this library can be searched yet"
            : "This library is empty",
          text: facts.read_only
            ? "Add a folder of videos in a terminal: fdaclip index FOLDER"
            : "Add a folder of videos; what is in them can be found while the rest is still being read.",
          actions: facts.read_only
            ? []
            : [el("a.button.main", { href: "/library" }, "Add a folder")],
        }),
      );
      return;
    }
    const folder = params().get("folder") ?? "";
    view.hero.append(
      el(
        "p.soft",
        {},
        folder
          ? `In ${folder}. Say what happens there, or drop a picture.`
          : `${many(facts.files, "video")}, ${span(facts.hours * 3600)}, ${many(facts.moments, "moment")}. Say what happens in it, or drop a picture.`,
      ),
    );
    if (folder) {
      view.hero.append(
        el("a.button.plain", { href: changed({ folder: null }) }, icon("close"), "All folders"),
      );
    }
    const { videos } = await ask("/videos", { query: { limit: 48, folder }, signal: leaving });
    if (!home()) return;
    const wall = videos
      .filter((video) => video.thumbnail)
      .map((video) =>
        el(
          "li",
          {},
          el(
            "button.tile",
            { type: "button", "aria-label": `Open ${video.name}`, onclick: () => openVideo(video) },
            el("img", {
              src: video.thumbnail,
              alt: "",
              loading: "lazy",
              decoding: "async",
              onerror: (event) => event.target.remove(),
            }),
            el("span.cut", {}, video.name),
          ),
        ),
      );
    view.hero.append(el("ul.wall", { "aria-label": "Videos of this library" }, wall));
  } catch (error) {
    if (error.name === "AbortError" || !home()) return;
    view.banner.replaceChildren(errorNotice(error, () => (library(true), showHome())));
  }
}

async function openVideo(video) {
  try {
    const { moments } = await ask(`/videos/${video.id}/timeline`);
    if (moments.length) await navigate(changed({ m: moments[0].id }));
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** Arrows move between pictures as they lie on the page; letters do something with one. */
function keys(event) {
  if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]"))
    return;
  const box = document.getElementById("q");
  const links = [...view.grid.querySelectorAll(".hit-link")];
  if (event.target === box) {
    if (event.key === "ArrowDown" && links.length) (event.preventDefault(), links[0].focus());
    if (event.key === "Escape")
      (event.preventDefault(), (box.value = ""), heard("enter"), box.focus());
    return;
  }
  if (event.target.closest("input, select, textarea, [popover]")) return;
  const at = links.indexOf(document.activeElement);
  if (event.key === "Escape") {
    if (at >= 0) (event.preventDefault(), box.focus());
    else if (picked.size()) picked.clear();
    return;
  }
  if (event.key.toLowerCase() === "e" && picked.size())
    return (event.preventDefault(), picked.offer());
  const columns = getComputedStyle(view.grid).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (step && (at >= 0 || event.target === document.body || event.target.id === "view")) {
    event.preventDefault();
    if (at >= 0 && at + step < 0) return box.focus();
    const next = links[at < 0 ? 0 : Math.min(at + step, links.length - 1)];
    for (const link of links) link.tabIndex = link === next ? 0 : -1;
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    return;
  }
  if (at < 0) return;
  const hit = answers.hits[at];
  if (event.key.toLowerCase() === "x") (event.preventDefault(), picked.toggle(hit));
  if (event.key.toLowerCase() === "m") (event.preventDefault(), moreLike(hit.id));
  if (event.key === " ")
    (event.preventDefault(), links[at].closest(".hit").dispatchEvent(new Event("preview")));
}

/** The address of a moment for elsewhere: its pictures, why it matched. */
export const momentAddress = (id, rest, query) =>
  address(`/moments/${encodeURIComponent(id)}${rest}`, query);
