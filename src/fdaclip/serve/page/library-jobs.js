// Adding videos: the form, the job at work, how it ended. One panel that always says where things are.

import { ask, follow } from "./api.js";
import { el, icon, toast } from "./dom.js";
import { buildForm } from "./library-form.js";
import { buildProgress } from "./library-progress.js";
import { buildEnd } from "./library-report.js";

const AGAIN = 1500; // ms between two attempts to reach a server that is gone
const ELSEWHERE = 5000; // ms between two looks whether another program is still writing
const GROWN = 15000; // ms between two looks at what the library holds while it grows
const FRESH = 600; // s for which the end of a job is told to who opens the page later
const told = new Set(); // ids of jobs whose end was read and put away

/**
 * The panel: { start(request), busy(), known(folders) }. `heard`: facts() are the library's; turned() is called when something can be begun or
 * no longer, grown() now and then while the library grows, ended() when a job is over.
 */
export function buildJobs(root, leaving, heard) {
  let working = null; // the panel of the job at work
  let asking = false;
  let watching = false; // whether another program writes
  let form = null;
  let stream = null;
  let grew = 0;
  const said = el("p.unseen", { role: "status" });
  const inside = el("div");
  root.replaceChildren(said, inside);

  const busy = () => asking || Boolean(working);
  const typed = () => inside.querySelector("#add-path")?.value ?? "";
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  /** Nothing is at work: the form, above it what there is to tell. */
  function rest({ top = null, path = "", focus = false } = {}) {
    const was = busy();
    working = null;
    asking = false;
    document.title = "Library · fdaclip";
    form = buildForm(heard.facts(), path, start);
    inside.replaceChildren(...[top, form.element].filter(Boolean));
    if (focus) inside.querySelector("[data-first], #add-path")?.focus();
    if (was) heard.turned();
  }

  /** Ask for a job; `failed` gets the error, else it is told above the form. */
  async function start(request, failed) {
    if (busy()) return;
    asking = true;
    heard.turned();
    try {
      watch(await ask("/jobs", { json: request, signal: leaving }), true);
      root.scrollIntoView({ block: "nearest", behavior: "smooth" });
    } catch (error) {
      if (error.name === "AbortError") return;
      asking = false;
      heard.turned();
      if (error.status === 409 && (await look().catch(() => null))?.running)
        return toast(error.message);
      if (failed) failed(error);
      else toast([error.message, error.hint].filter(Boolean).join(". "), "bad");
    }
  }

  /** Show a job and follow it to its end. */
  function watch(job, focus = false) {
    if (job.ended) return finish(job);
    if (working?.id !== job.id) {
      working = buildProgress(job, () => cancel(job.id));
      asking = false;
      inside.replaceChildren(working.element);
      said.textContent = "Adding videos";
      if (focus) working.element.querySelector("button")?.focus({ preventScroll: true });
      heard.turned();
    }
    draw(job);
    stream?.close();
    stream = follow(`/jobs/${job.id}/events`, { progress: draw, end: finish }, leaving);
    const mine = stream;
    mine.addEventListener("error", () => (mine.close(), recover(job.id)));
  }

  function draw(job) {
    if (leaving.aborted || working?.id !== job.id) return;
    working.draw(job);
    document.title = `${Math.floor((job.progress?.share ?? 0) * 100)} % · Library · fdaclip`;
    if (Date.now() - grew > GROWN && job.progress?.done) {
      if (grew) heard.grown();
      grew = Date.now();
    }
  }

  /** A job is over; `now`, or it was when the page was opened. */
  function finish(job, now = true) {
    if (leaving.aborted) return;
    const close = () => (told.add(job.id), rest({ focus: true }));
    const again = () => start({ paths: job.paths, videos: [], retry: job.retry });
    const had = root.contains(document.activeElement);
    rest({ top: buildEnd(job, close, again), path: typed(), focus: now && had });
    if (!now) return;
    said.textContent = inside.querySelector("h2").textContent;
    heard.ended();
  }

  async function cancel(id) {
    try {
      draw(await ask(`/jobs/${id}`, { method: "DELETE", signal: leaving }));
      said.textContent = "Stopping";
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message, "bad");
    }
  }

  /** The stream broke off: ask for the job until there is an answer. */
  async function recover(id) {
    for (;;) {
      await pause(AGAIN);
      if (leaving.aborted || working?.id !== id) return;
      try {
        const job = await ask(`/jobs/${id}`, { signal: leaving });
        working.gone(false);
        return watch(job);
      } catch (error) {
        if (leaving.aborted) return;
        if (error.status === 404) return vanished();
        working.gone(true);
        said.textContent = "The server does not answer";
      }
    }
  }

  /** The server knows the job no more. */
  function vanished() {
    const path = working.paths[0] ?? "";
    const note = el(
      "div.lib-note.warn",
      {},
      icon("warning"),
      el(
        "div",
        {},
        el("h2", {}, "The server was started anew meanwhile"),
        el(
          "p",
          {},
          "What was finished before is in the library. Add the folder again for the rest: what is known is passed over.",
        ),
      ),
    );
    rest({ top: note, path });
    said.textContent = "The server was started anew meanwhile";
    heard.ended();
  }

  /** What the server knows of jobs; if one is at work, it is shown. */
  async function look() {
    const { jobs, running } = await ask("/jobs", { signal: leaving });
    const job = jobs.find((one) => one.id === running);
    if (job) watch(job);
    else elsewhere();
    return { running: Boolean(job), last: jobs[0] };
  }

  /** The page was opened: a job may be at work, or have ended while nobody looked. */
  async function open() {
    const { running, last } = await look();
    if (running || busy() || !last?.ended || told.has(last.id)) return;
    if (Date.now() / 1000 - last.ended < FRESH) finish(last, false);
  }

  /** Another program may be writing to the library: say so as long as it does. */
  async function elsewhere() {
    if (watching) return;
    watching = true;
    const note = el(
      "div.lib-note",
      {},
      icon("clock"),
      el(
        "p",
        {},
        el("strong", {}, "Another program is adding to this library."),
        " What it has finished can be found; add more when it is done.",
      ),
    );
    for (let seen = false; ; await pause(ELSEWHERE)) {
      if (leaving.aborted || busy()) break;
      const writing = await ask("/health", { signal: leaving }).then(
        (health) => health.indexing,
        () => seen, // not known: as before
      );
      if (leaving.aborted || busy()) break;
      if (writing && !seen) (inside.before(note), heard.grown());
      if (!writing) {
        if (seen) heard.ended();
        break;
      }
      seen = true;
    }
    note.remove();
    watching = false;
  }

  rest();
  open().catch((error) => error.name !== "AbortError" && toast(error.message, "bad"));
  return { start, busy, known: (folders) => form.known(folders) };
}
