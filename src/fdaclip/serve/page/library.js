// The library view: what is indexed, what needs attention, adding folders and watching that.

import { ask, library } from "./api.js";
import { navigate } from "./app.js";
import { el, errorNotice, toast } from "./dom.js";
import { buildFolders } from "./library-folders.js";
import { buildHead } from "./library-head.js";
import { buildJobs } from "./library-jobs.js";
import { buildTroubles } from "./library-troubles.js";
import { buildVideos } from "./library-videos.js";
import { closeMoment, openMoment } from "./moment.js";
import * as picked from "./picked.js";

export const title = "Library";
const COME_BACK = 3000; // ms after which a server that was gone is asked again

let view = null; // its parts, while the view is shown

/** The address of this view with some things changed; null takes one away. */
export function here(changes) {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  return next.size ? `/library?${next}` : "/library";
}

export async function show(root, leaving) {
  leaving.addEventListener("abort", () => (closeMoment(), (view = null)));
  const page = el("div.library", { "aria-busy": "true" }, skeleton());
  root.append(page);
  const facts = await known(page, leaving);
  if (!facts) return;
  const parts = {
    head: el("header.lib-head"),
    jobs: el("section.card.pad.lib-jobs", { "aria-label": "Adding videos" }),
    troubles: el("section.card.lib-troubles", { "aria-label": "Needs attention", hidden: true }),
    folders: el("section.lib-folders", { "aria-labelledby": "folders-title" }),
    videos: el("section.lib-videos", { "aria-labelledby": "videos-title" }),
  };
  page.removeAttribute("aria-busy");
  page.replaceChildren(
    parts.head,
    parts.jobs,
    parts.troubles,
    el("div.lib-body", {}, parts.folders, parts.videos),
  );
  picked.show(root, leaving);
  view = { page, parts, facts, leaving };
  view.videos = buildVideos(parts.videos, leaving);
  view.jobs = buildJobs(parts.jobs, leaving, {
    facts: () => view.facts,
    turned: draw,
    grown: () => refresh(false),
    ended: () => refresh(true),
  });
  draw();
  update();
}

/** The address changed: which videos are listed, and the one that is open. */
export async function update() {
  if (!view) return;
  const asked = new URLSearchParams(location.search);
  view.videos.show(asked.get("folder") ?? "", asked.get("state") ?? "", view.facts);
  const moment = asked.get("m");
  if (moment) openMoment(moment);
  else closeMoment();
  const video = asked.get("video");
  if (video) await openVideo(video);
}

/** What the library holds; asked until the server answers or somebody leaves. */
async function known(page, leaving) {
  for (;;) {
    try {
      return await library(true);
    } catch (error) {
      if (leaving.aborted) return null;
      let again;
      const pressed = new Promise((done) => (again = done));
      page.replaceChildren(errorNotice(error, again));
      const soon =
        error.code === "unreachable" || error.status === 503
          ? new Promise((done) => setTimeout(done, COME_BACK))
          : pressed;
      await Promise.race([pressed, soon]);
      if (leaving.aborted) return null;
    }
  }
}

/** Everything that the facts tell, and whether something can be begun now. */
function draw() {
  const { page, parts, facts, jobs } = view;
  page.classList.toggle("empty", !facts.files);
  buildHead(parts.head, facts, jobs.busy());
  const act = { may: !facts.read_only, now: !jobs.busy(), start: jobs.start };
  buildTroubles(parts.troubles, facts, act);
  buildFolders(parts.folders, facts.folders, act);
  jobs.known(facts.folders);
}

/** The library has grown; `ended`: and the list of videos is drawn anew as well. */
async function refresh(ended) {
  try {
    const facts = await library(true);
    if (!view) return;
    const first = !view.facts.files && facts.files;
    view.facts = facts;
    draw();
    if (ended || first) view.videos.anew(facts);
  } catch (error) {
    if (view && error.code !== "unreachable") toast(error.message, "bad");
  }
}

/** A video is opened at its first moment. */
async function openVideo(id) {
  let moment = null;
  try {
    const { moments } = await ask(`/videos/${encodeURIComponent(id)}/timeline`, {
      signal: view.leaving,
    });
    moment = moments[0]?.id ?? null;
    if (!moment) toast("There is no moment in this video that could be shown", "bad");
  } catch (error) {
    if (error.name === "AbortError") return;
    toast(error.message, "bad");
  }
  if (view) navigate(here({ video: null, m: moment }), { replace: true });
}

const skeleton = () => [
  el("p.unseen", { role: "status" }, "Loading"),
  el("div.skeleton.lib-wait-head"),
  el("div.skeleton.lib-wait-jobs"),
  el("div.lib-body", {}, el("div.skeleton.lib-wait-list"), el("div.skeleton.lib-wait-list")),
];
