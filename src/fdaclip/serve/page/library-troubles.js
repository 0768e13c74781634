// What needs attention, each with what to do: disks that are away, files that are gone, bad or partial.

import { el, icon } from "./dom.js";
import { count, many } from "./format.js";

const shown = new Set(); // kinds of which the files are listed

const KINDS = [
  {
    kind: "offline",
    sign: "unplugged",
    title: (n) => (n === 1 ? "A disk is not connected" : `${n} disks are not connected`),
    says: "Videos there are found as ever and shown by their pictures; they play when it is back.",
    items: (facts) =>
      facts.offline.map((disk) => ({ name: disk.mount, says: many(disk.files, "video") })),
  },
  {
    kind: "missing",
    sign: "film",
    title: (n) => (n === 1 ? "A file is gone" : `${count(n)} files are gone`),
    says: "Searches leave them out. If they were moved, add the folder where they are now: they are recognised by what is in them.",
    items: (facts) => facts.missing.map((path) => ({ path })),
  },
  {
    kind: "bad",
    sign: "warning",
    title: (n) => (n === 1 ? "A file could not be read" : `${count(n)} files could not be read`),
    says: "Nothing in them can be found. One that is replaced is read anew when its folder is looked through.",
    items: (facts) => facts.bad.map((fault) => ({ ...fault, says: fault.reason, retry: true })),
  },
  {
    kind: "partial",
    sign: "part",
    title: (n) =>
      n === 1
        ? "A file could be read only in part"
        : `${count(n)} files could be read only in part`,
    says: "What is sound in them can be found; what is damaged was left out.",
    items: (facts) => facts.partial.map((fault) => ({ ...fault, says: fault.reason, retry: true })),
  },
];

/** Draw them. `act`: { may, now, start } says whether files can be tried again, ever and now. */
export function buildTroubles(root, facts, act) {
  const focused = document.activeElement?.closest?.("[data-trouble]")?.dataset.trouble;
  const again = (faults) => act.start(request(faults));
  const sections = KINDS.map((kind) => ({ ...kind, items: kind.items(facts) }))
    .filter(({ items }) => items.length > 0)
    .map((kind) => section(kind, act, again));
  root.hidden = !sections.length;
  root.replaceChildren(el("h2.unseen", {}, "Needs attention"), ...sections);
  if (focused) root.querySelector(`[data-trouble="${CSS.escape(focused)}"]`)?.focus();
}

function section({ kind, sign, title, says, items }, act, again) {
  const faults = act.may ? items.filter((item) => item.retry) : [];
  const list = el("ul.lib-list", {
    id: `files-${kind}`,
    tabindex: "0",
    "aria-labelledby": `trouble-${kind}`,
  });
  const words = el("span");
  const tell = () => {
    const open = shown.has(kind);
    list.hidden = !open;
    list.replaceChildren(...(open ? items.map((item) => row(item, act, again)) : []));
    words.textContent = open ? "Hide" : "Show";
    toggle.setAttribute("aria-label", `${words.textContent}: ${title(items.length)}`);
    toggle.setAttribute("aria-expanded", String(open));
  };
  const toggle = el(
    "button.button.plain.lib-show",
    {
      type: "button",
      "data-trouble": `show-${kind}`,
      "aria-controls": list.id,
      onclick: () => {
        if (!shown.delete(kind)) shown.add(kind);
        tell();
      },
    },
    words,
    icon("down"),
  );
  tell();
  return el(
    "section.lib-trouble",
    { "data-kind": kind, "aria-labelledby": `trouble-${kind}` },
    icon(sign),
    el(
      "div.lib-trouble-text",
      {},
      el("h3", { id: `trouble-${kind}` }, title(items.length)),
      el("p.soft.small", {}, says),
    ),
    el(
      "div.lib-trouble-acts",
      {},
      faults.length > 0 &&
        button(
          faults.length > 1 ? "Try all again" : "Try again",
          `all-${kind}`,
          act,
          () => again(faults),
          `${faults.length > 1 ? "Try all again" : "Try again"}: ${title(items.length)}`,
        ),
      toggle,
    ),
    list,
  );
}

function row(item, act, again) {
  const parts = (item.path ?? "").split("/");
  const file = item.name ?? parts.pop();
  return el(
    "li",
    {},
    el(
      "div",
      {},
      el("p.lib-file", {}, file),
      item.path && el("p.soft.small.lib-where", {}, parts.join("/") || "/"),
      item.says && el("p.small.lib-says", {}, item.says),
    ),
    item.retry &&
      act.may &&
      button("Try again", `one-${item.path}`, act, () => again([item]), `Try again: ${file}`),
  );
}

/** A request names so many files at most; if none is named, all are meant. */
function request(faults) {
  const videos = faults.map((fault) => fault.video).filter(Boolean);
  const paths = faults.filter((fault) => !fault.video).map((fault) => fault.path);
  const named = videos.length <= 1000 && paths.length <= 100;
  return { paths: named ? paths : [], videos: named ? videos : [], retry: true };
}

const button = (words, place, act, onclick, label) =>
  el(
    "button.button.plain",
    { type: "button", disabled: !act.now, "data-trouble": place, "aria-label": label, onclick },
    icon("retry"),
    words,
  );
