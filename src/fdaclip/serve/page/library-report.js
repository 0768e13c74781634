// How a job ended, in plain words.

import { el, icon, iconButton } from "./dom.js";
import { count, many, span } from "./format.js";

const SHOWN = 4; // files with a fault that are named

/** The end of a job: done, cancelled or failed. */
export function buildEnd(job, close, again) {
  const { sign, title, text, tone } = headline(job);
  const report = job.report;
  const lines = report ? told(report) : [];
  const faults = report ? [...report.bad, ...report.partial] : [];
  const folder = job.paths.length === 1 && !job.retry ? job.paths[0] : "";
  const actions = [
    report?.moments > 0 &&
      el(
        "a.button.main",
        {
          href: folder.startsWith("/") ? `/?${new URLSearchParams({ folder })}` : "/",
          "data-first": true,
        },
        icon("search"),
        "Search in them",
      ),
    job.state !== "done" &&
      (job.paths.length > 0 || job.retry) &&
      el(
        "button.button",
        { type: "button", onclick: again, "data-first": true },
        job.state === "failed" ? "Try again" : "Go on",
      ),
  ].filter(Boolean);
  return el(
    "div.lib-end",
    { class: tone },
    el("div.lib-end-sign", {}, icon(sign)),
    el(
      "div.lib-end-body",
      {},
      el("h2", {}, title),
      text && el("p", {}, text),
      lines.length > 0 &&
        el(
          "ul.row.lib-lines",
          {},
          lines.map((line) => el("li.chip.fact", {}, line)),
        ),
      faults.length > 0 &&
        el(
          "ul.lib-faults.small",
          {},
          faults
            .slice(0, SHOWN)
            .map((fault) =>
              el(
                "li",
                {},
                el("strong", { title: fault.path }, fault.path.split("/").pop()),
                el("span.soft", {}, fault.reason),
              ),
            ),
          faults.length > SHOWN &&
            el("li.soft", {}, `and ${count(faults.length - SHOWN)} more, below`),
        ),
      actions.length > 0 && el("div.row", {}, actions),
    ),
    iconButton("close", "Put this away", close),
  );
}

function headline(job) {
  const { report, error } = job;
  if (job.state === "failed")
    return {
      sign: "warning",
      tone: "bad",
      title: error?.message ? sentence(error.message) : "This failed",
      text: sentence(error?.hint ?? ""),
    };
  const added = report
    ? `${many(report.encoded, "video")} added: ${many(report.moments, "moment")}`
    : "";
  const work = report?.encoded
    ? `${span(report.seconds)} of film in ${span(Math.max(1, Math.round(report.elapsed)))}.`
    : "";
  if (job.state === "cancelled")
    return {
      sign: "pause",
      tone: "",
      title: report?.encoded ? `Stopped; ${added}` : "Stopped before a video was finished",
      text: `${work} What was not finished is left as it was.`.trim(),
    };
  if (job.retry && !report?.found)
    return { sign: "check", tone: "good", title: "There was nothing to try again", text: "" };
  if (report?.encoded)
    return {
      sign: "check",
      tone: "good",
      title: job.retry ? `It worked: ${added}` : added,
      text: work,
    };
  if (report?.bad.length)
    return {
      sign: "warning",
      tone: "bad",
      title: job.retry ? "It did not work this time either" : "No video could be added",
      text: "",
    };
  if (report?.found)
    return {
      sign: "check",
      tone: "good",
      title: "Nothing new",
      text: `All ${many(report.found, "video")} there were known already.`.replace(
        "All 1 video there were",
        "The one video there was",
      ),
    };
  return {
    sign: "film",
    tone: "",
    title: "No video was found there",
    text: "Files count whose names end as those of videos do (.mp4, .mov, .mkv and others).",
  };
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function told(report) {
  const lines = [
    [report.unchanged + report.touched, "known already"],
    [report.moved, "moved, and recognised"],
    [report.duplicates, report.duplicates === 1 ? "copy of another" : "copies of others"],
    [report.bad.length, "could not be read"],
    [report.partial.length, "only in part"],
    [report.missing, "no longer there"],
    [report.offline, "on disks that are not connected"],
  ];
  const many = lines.filter(([number]) => number > 0);
  return many.map(([number, words]) => `${count(number)} ${words}`);
}
