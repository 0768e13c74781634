// What the library is: its name, what it holds, what searches it.

import { el } from "./dom.js";
import { bytes, count, span } from "./format.js";

/** Draw it; an empty library says what to do instead of counting nothing. */
export function buildHead(root, facts, busy) {
  const made = new Date(facts.created);
  const about = el(
    "p.soft.lib-about",
    {},
    el("code", {}, facts.folder),
    ` · searched with ${modelWords(facts.model)}`,
    isNaN(made) ? "" : ` · made ${made.toLocaleDateString(undefined, { dateStyle: "long" })}`,
  );
  if (!facts.files) {
    root.replaceChildren(
      el("h1", {}, busy ? "The first videos are on their way" : "Nothing is indexed yet"),
      el(
        "p.lib-lead",
        {},
        busy
          ? "What is finished can be found while the rest is still being read."
          : facts.read_only
            ? "Once videos are added, what happens in them can be found with words."
            : "Add a folder of videos. They stay where they are and are only read; after that, what happens in them can be found with words.",
      ),
      about,
    );
    return;
  }
  root.replaceChildren(
    el("div", {}, el("h1", {}, facts.name), about),
    el(
      "dl.lib-facts",
      {},
      fact(count(facts.files), facts.files === 1 ? "video" : "videos"),
      fact(count(facts.moments), facts.moments === 1 ? "moment" : "moments"),
      fact(
        facts.hours < 10 ? span(facts.hours * 3600) : `${count(Math.round(facts.hours))} h`,
        "of film",
      ),
      fact(bytes(facts.bytes), "on disk", "The library itself; the videos are not in it"),
      facts.recall === null
        ? fact("Exact", "search", "Every moment is compared with what is asked")
        : fact(
            `${(facts.recall * 100).toFixed(1)} %`,
            "of the best ten found",
            "So many moments are searched in groups, those first that fit best; measured when the groups were made",
          ),
    ),
  );
}

/** "starter" is a name of ours; others are names people know. */
const modelWords = (model) =>
  model === "starter" ? "the starter model" : model ? `the model ${model}` : "a model without name";

const fact = (value, name, says = null) =>
  el("div", { title: says }, el("dt", {}, name), el("dd.numbers", {}, value));
