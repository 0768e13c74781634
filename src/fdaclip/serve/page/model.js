// The model view: its masks at work on a video, what they are for, and reports of evaluations.
//
// The address holds the video, the stretch and the settings that are not as by default; only a file
// that was dropped or chosen is not in it.

import { ask, library } from "./api.js";
import { navigate } from "./app.js";
import { el, errorNotice, icon, notice } from "./dom.js";
import { many, span } from "./format.js";
import { addressOf, read } from "./masks_address.js";
import { buildControls } from "./masks_controls.js";
import { buildStage } from "./masks_stage.js";
import { buildStretch, liveliest } from "./masks_stretch.js";
import { chooseVideo, lengthOf, noVideo, sourceOf, takeDrops, waiting } from "./masks_video.js";
import { buildReports, buildSteps } from "./model_text.js";

export const title = "Model";
const REST = 160; // ms after the last change before the server is asked
const COME_BACK = 3000; // ms after which a server that was gone is asked again
const TRIES = 6; // of a server that has much to do

let view = null; // what is on the page while the view is shown
let asked = null; // { video, start, end, frames, settings: { name: text } }, as the address has it

export async function show(root, leaving) {
  const steps = buildSteps();
  view = {
    leaving,
    file: null, // one that was dropped or chosen, in the library's place
    facts: null, // of the video: { name, duration, moments, … }
    settings: [],
    aborter: null,
    timer: 0,
    key: "",
    stage: buildStage(steps.show, leaving),
    stretch: buildStretch((stretch) => change(stretch)),
    controls: null,
    trouble: el("div", { hidden: true }),
    source: el("div.source"),
    settingsRoot: el("div"),
    reset: el(
      "button.button.plain.small",
      { type: "button", hidden: true, onclick: () => change({ settings: {} }) },
      "Reset all",
    ),
  };
  const about = el("p.soft");
  view.stageRoot = el("div", {}, view.stage.element);
  const chooser = el("input", {
    type: "file",
    accept: "video/*,image/gif",
    hidden: true,
    "aria-label": "Video file",
  });
  chooser.addEventListener("change", () => {
    const chosen = chooser.files[0];
    chooser.value = "";
    if (chosen) take(chosen);
  });
  view.chooseFile = () => chooser.click();
  view.side = el(
    "aside.side.stack",
    { "aria-label": "Video and settings" },
    el("section.card.pad", { "aria-label": "Video" }, view.source, view.stretch.element, chooser),
    el(
      "section.card.pad",
      { "aria-labelledby": "settings-title" },
      el(
        "div.row.spread.settings-head",
        {},
        el("h2", { id: "settings-title" }, "Settings"),
        view.reset,
      ),
      view.settingsRoot,
    ),
  );
  root.append(
    el("header.model-head", {}, el("h1", {}, "What moves"), about),
    el(
      "div.lab",
      {},
      el("section", { "aria-label": "Frames and masks" }, view.trouble, view.stageRoot),
      view.side,
    ),
    steps.element,
    buildReports(leaving),
  );
  takeDrops(root, take, leaving);
  addEventListener("keydown", keys, { signal: leaving });
  leaving.addEventListener("abort", () => {
    clearTimeout(view.timer);
    view.aborter?.abort();
    view = null;
  });
  tellModel(about);
  await begin();
}

/** Make the controls of what the server says can be set; then what the address says. */
async function begin() {
  calm();
  view.stage.clear();
  view.side.hidden = false;
  view.stretch.element.hidden = true;
  view.source.replaceChildren(waiting());
  view.settingsRoot.replaceChildren(el("div.skeleton.settings-wait"));
  try {
    view.settings = await ask("/masks", { signal: view.leaving });
  } catch (error) {
    if (error.name === "AbortError" || !view) return;
    view.side.hidden = true;
    return trouble(error, begin);
  }
  if (!view) return;
  view.controls = buildControls(view.settings, (name, value) => {
    const settings = { ...asked.settings };
    if (value === null) delete settings[name];
    else settings[name] = value;
    change({ settings });
  });
  view.settingsRoot.replaceChildren(view.controls.element);
  await update();
}

/** The address changed: another video, stretch or settings, unless it says what is shown. */
export async function update() {
  if (!view?.controls) return;
  const before = asked;
  asked = read(view.settings);
  view.controls.show(asked.settings);
  const same = view.file
    ? !asked.video
    : asked.video && asked.video === before?.video && view.facts?.id === asked.video;
  if (same) {
    if (view.facts && asked.start === null) Object.assign(asked, liveliest(view.facts));
    return refresh();
  }
  view.file = null;
  await open(asked.video);
}

/** Somebody turned something: show it at once, ask when it rests. */
function change(changes) {
  if (!asked) return;
  Object.assign(asked, changes);
  refresh(REST);
}

/** Open a video of the library, or the first that there is. */
async function open(id) {
  view.aborter?.abort();
  view.facts = null;
  view.key = "";
  clearTimeout(view.timer);
  calm();
  view.stage.clear();
  view.source.replaceChildren(waiting());
  try {
    const found = id
      ? await ask(`/videos/${encodeURIComponent(id)}`, { signal: view.leaving })
      : await first();
    if (!view || view.file || asked.video !== id) return;
    if (!found) return nothing();
    asked.video = found.id;
    view.facts = { ...found, duration: found.duration || null, moments: [] };
    showSource();
    if (found.offline) return offline();
    const { moments } = await ask(`/videos/${found.id}/timeline`, { signal: view.leaving });
    if (!view || view.file || asked.video !== found.id) return;
    view.facts.moments = moments;
    if (asked.start === null) Object.assign(asked, liveliest(view.facts));
    refresh();
  } catch (error) {
    if (error.name === "AbortError" || !view) return;
    showSource();
    trouble(error, () => open(id));
  }
}

/** A video of the library to begin with. */
async function first() {
  const { videos } = await ask("/videos", { query: { limit: 50 }, signal: view.leaving });
  return videos.find((one) => one.thumbnail && !one.offline) ?? videos.find((one) => one.thumbnail);
}

/** A file in the library's place. */
async function take(file) {
  view.aborter?.abort();
  clearTimeout(view.timer);
  view.file = file;
  view.facts = null;
  view.key = "";
  calm();
  view.stage.clear();
  view.source.replaceChildren(waiting());
  const duration = await lengthOf(file);
  if (view?.file !== file) return;
  view.facts = { name: file.name || "pasted video", bytes: file.size, duration, moments: [] };
  asked = {
    ...(asked ?? read(view.settings)),
    video: "",
    ...liveliest(view.facts),
  };
  showSource();
  refresh();
}

/** Show what is asked, write it into the address, and ask the server after so many ms. */
function refresh(after = 0) {
  if (!view.facts || !view.controls) return;
  view.stretch.show(view.facts, asked);
  view.controls.show(asked.settings);
  view.reset.hidden = !Object.keys(asked.settings).length;
  if (view.facts.offline) return;
  const key = JSON.stringify([asked.video, asked.start, asked.end, asked.frames, asked.settings]);
  clearTimeout(view.timer);
  if (key === view.key) return;
  view.aborter?.abort();
  view.key = ""; // what was given up may be wanted again
  view.timer = setTimeout(() => {
    view.key = key;
    history.replaceState(null, "", addressOf(asked));
    masks();
  }, after);
}

/** Ask for the masks; a server that has much to do is asked again. */
async function masks(tried = 1) {
  const aborter = (view.aborter = new AbortController());
  const form = new FormData();
  if (view.file) form.set("upload", view.file, view.file.name || "video");
  else form.set("video", asked.video);
  form.set("start", asked.start ?? 0);
  if (asked.end !== null) form.set("end", asked.end);
  form.set("frames", asked.frames);
  for (const [name, value] of Object.entries(asked.settings)) form.set(name, value);
  view.stageRoot.dataset.busy = "";
  try {
    const found = await ask("/masks", { form, signal: aborter.signal });
    if (view?.aborter !== aborter) return;
    calm();
    view.stage.show(found);
    if (view.file) showSource(found.frames[0]?.frame);
  } catch (error) {
    if (error.name === "AbortError" || view?.aborter !== aborter) return;
    view.key = "";
    if (error.status === 503 && tried < TRIES) {
      view.stage.tell("The server has much to do; it is asked again…");
      view.timer = setTimeout(() => masks(tried + 1), 1000 * (error.retryAfter || 1));
      return;
    }
    trouble(error, () => refresh());
  } finally {
    if (view?.aborter === aborter) delete view.stageRoot.dataset.busy;
  }
}

// what stands in the stage's place

function calm() {
  view.trouble.hidden = true;
  view.stageRoot.hidden = false;
}

function instead(...shown) {
  view.trouble.replaceChildren(...shown);
  view.trouble.hidden = false;
  view.stageRoot.hidden = true;
}

/** What went wrong; what would go wrong again needs another video, not another try. */
function trouble(error, again) {
  if (error.status < 400 || error.status >= 500) {
    if (error.code === "unreachable") view.timer = setTimeout(again, COME_BACK);
    return instead(errorNotice(error, again));
  }
  instead(
    notice({
      sign: "warning",
      title: error.status === 413 ? "This file is too large" : error.message,
      text: error.status === 413 ? `${error.message}. Cut out the part that matters.` : error.hint,
      tone: "bad",
      actions: [
        el("button.button", { type: "button", onclick: choose }, "Choose another"),
        el("button.button", { type: "button", onclick: again }, "Try again"),
      ],
    }),
  );
}

const offline = () =>
  instead(
    notice({
      sign: "unplugged",
      title: "The disk of this video is not connected",
      text: `Connect it, or choose another.\n${view.facts.path}`,
    }),
  );

async function nothing() {
  showSource();
  const facts = await library().catch(() => ({ read_only: true }));
  if (view && !view.facts) instead(noVideo(facts.read_only, view.chooseFile));
}

/** The video that is chosen, over the stretch of it. */
function showSource(picture = view.facts?.thumbnail) {
  view.stretch.element.hidden = !view.facts || Boolean(view.facts.offline);
  view.source.replaceChildren(
    sourceOf(view.facts, picture, Boolean(view.file)),
    el(
      "div.row",
      {},
      el("button.button", { type: "button", onclick: choose }, icon("film"), "Library…"),
      el("button.button", { type: "button", onclick: view.chooseFile }, icon("folder"), "A file…"),
    ),
  );
}

async function choose() {
  const chosen = await chooseVideo(view.leaving);
  if (!chosen || !view) return;
  view.file = null;
  asked = { ...asked, video: "" };
  navigate(addressOf({ ...asked, video: chosen.id, start: null, end: null }));
  view?.source.querySelector("button")?.focus();
}

async function tellModel(about) {
  const says =
    "The model sees each frame together with a mask of what moves in it. Turn the settings, and see what it would be told to look at.";
  about.textContent = says;
  try {
    const facts = await library();
    const made = facts.moments
      ? `It made the ${many(facts.moments, "moment")} of this library, of ${span(facts.hours * 3600)} of video.`
      : "";
    about.replaceChildren(
      "This library's model is ",
      el("strong", {}, facts.model || "not known"),
      `. ${made} ${says.replace("The model", "It")}`,
    );
  } catch {
    // the view works without: whatever is wrong is told where it matters
  }
}

/** ← → go from frame to frame, space plays them, 1 to 4 choose what is shown. */
function keys(event) {
  if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]"))
    return;
  if (event.target.closest("input, select, textarea")) return;
  if (event.key === " " && event.target.closest("button, a")) return;
  const act = {
    ArrowLeft: () => view.stage.by(-1),
    ArrowRight: () => view.stage.by(1),
    " ": view.stage.toggle,
    1: () => view.stage.layer(0),
    2: () => view.stage.layer(1),
    3: () => view.stage.layer(2),
    4: () => view.stage.layer(3),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
