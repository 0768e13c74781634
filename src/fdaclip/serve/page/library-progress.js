// A job at work: built once, then only its numbers change.

import { el, icon } from "./dom.js";
import { count, span } from "./format.js";

/** What it does, in words. */
export function nameOf(job) {
  if (job.retry) return "Trying again";
  if (job.paths.length === 1) return `Adding ${last(job.paths[0])}`;
  return job.paths.length ? `Looking through ${job.paths.length} folders` : "Adding videos";
}

const last = (path) => path.split(/[\\/]/).filter(Boolean).pop() ?? path;

/** { element, id, paths, draw(job), gone(yes) } */
export function buildProgress(job, cancel) {
  const share = el("strong.lib-share.numbers", {});
  const fill = el("i");
  const bar = el(
    "div.bar.lib-bar",
    {
      role: "progressbar",
      "aria-label": nameOf(job),
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    },
    fill,
  );
  const numbers = el("p.lib-parts.numbers");
  const current = el("p.soft.small.cut.lib-current");
  const away = el(
    "p.lib-away",
    { hidden: true, role: "alert" },
    icon("unplugged"),
    "The server does not answer. As soon as it does, this goes on.",
  );
  const stop = el(
    "button.button",
    { type: "button", onclick: () => ((stop.disabled = true), cancel()) },
    "Cancel",
  );
  const element = el(
    "div.lib-work",
    {},
    el(
      "div.lib-work-head",
      {},
      el(
        "div",
        {},
        el("h2", {}, nameOf(job)),
        el(
          "p.soft.small.lib-paths",
          {},
          job.paths.slice(0, 3).join(", "),
          job.paths.length > 3 && " …",
        ),
      ),
      stop,
    ),
    el("div.lib-measure", {}, share, bar),
    numbers,
    current,
    away,
  );

  function draw(now) {
    const { progress } = now;
    const stopping = now.state === "stopping";
    stop.disabled = stopping;
    stop.textContent = stopping ? "Stopping…" : "Cancel";
    const unknown = !progress?.files;
    const percent = Math.floor((progress?.share ?? 0) * 100);
    element.classList.toggle("unknown", unknown && !stopping);
    element.classList.toggle("stopping", stopping);
    share.textContent = unknown ? "" : `${percent} %`;
    if (unknown) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", percent);
    fill.style.width = `${unknown ? 30 : Math.max(1, progress.share * 100)}%`;
    numbers.replaceChildren(
      ...(unknown ? ["Looking which videos there are"] : words(progress, stopping)),
    );
    current.textContent = stopping
      ? "What is finished is being written"
      : within(progress?.current ?? "", job.paths);
    current.title = progress?.current ?? "";
  }

  const gone = (yes) => {
    away.hidden = !yes;
    element.classList.toggle("gone", yes);
    stop.disabled = yes || stop.textContent !== "Cancel";
  };
  return { element, id: job.id, paths: job.paths, draw, gone };
}

/** A file's path, without the folder that is being added. */
function within(path, folders) {
  const folder = folders.find((one) => path.startsWith(`${one}/`));
  return folder ? path.slice(folder.length + 1) : path;
}

function words({ files, done, bad, rate, left, elapsed }, stopping) {
  const parts = [
    `${count(done)} of ${count(files)} ${files === 1 ? "file" : "files"}`,
    bad > 0 && el("span.lib-bad", {}, `${count(bad)} could not be read`),
    rate !== null && `${rate < 9.95 ? rate.toFixed(1) : count(Math.round(rate))} × real time`,
    !stopping && toGo(left, elapsed),
  ];
  return parts.filter(Boolean).map((part) => el("span", {}, part));
}

function toGo(left, elapsed) {
  if (left === null) return elapsed >= 10 && `for ${span(Math.floor(elapsed))}`;
  return left < 1 ? "nearly done" : `about ${span(rounded(left))} left`;
}

/** Nobody wants to see seconds tick that are but a guess. */
const rounded = (seconds) =>
  seconds < 20
    ? Math.ceil(seconds)
    : seconds < 120
      ? Math.ceil(seconds / 10) * 10
      : Math.ceil(seconds / 60) * 60;
