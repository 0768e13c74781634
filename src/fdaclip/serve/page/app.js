// The shell: which view is shown, moving between them, the look, and the keys that work everywhere.
//
// A view is a module with
//   title                     for the tab
//   show(root, leaving)       fills the empty `root`; `leaving` is an AbortSignal, aborted when another
//                             view takes its place: give it to fetch and to addEventListener
//   update()                  optional: the address's query changed while the view is shown

import { ApiError } from "./api.js";
import { errorNotice, iconButton, style } from "./dom.js";
import { buildBox, take } from "./box.js";
import { showKeys } from "./keys.js";
import * as search from "./search.js";

const VIEWS = {
  "/": async () => search,
  "/library": async () => (await style("/page/library.css"), import("./library.js")),
  "/model": async () => (await style("/page/model.css"), import("./model.js")),
};

const root = document.getElementById("view");
let shown = { path: null, view: null, leave: new AbortController() };

/** Go to an address of this page. */
export function navigate(href, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  return route();
}

async function route() {
  const path = location.pathname in VIEWS ? location.pathname : "/";
  if (path === shown.path) {
    shown.view?.update?.();
    return;
  }
  shown.leave.abort();
  const leave = new AbortController();
  shown = { path, view: null, leave };
  document.body.dataset.place = path;
  for (const link of document.querySelectorAll("[data-place]")) {
    if (link.dataset.place === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    const view = await VIEWS[path]();
    if (leave.signal.aborted) return;
    shown.view = view;
    document.title = view.title ? `${view.title} · fdaclip` : "fdaclip";
    root.replaceChildren();
    scrollTo(0, 0);
    await view.show(root, leave.signal);
  } catch (error) {
    if (leave.signal.aborted || error.name === "AbortError") return;
    console.error(error);
    shown.path = null; // so that trying again shows it anew
    const told =
      error instanceof ApiError
        ? error
        : new ApiError(0, "broken", "This page could not be shown", "Loading it anew may help.");
    root.replaceChildren(errorNotice(told, () => location.reload()));
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain =
    event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download"))
    return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || !(to.pathname in VIEWS) || link.classList.contains("skip"))
    return;
  event.preventDefault();
  if (to.pathname === "/" && !to.search) take(null);
  navigate(to.pathname + to.search);
});

addEventListener("popstate", route);

// light, dark, or as the system has it
const LOOKS = { auto: "auto", light: "sun", dark: "moon" };
const NAMES = { auto: "Look: as the system", light: "Look: light", dark: "Look: dark" };
const tools = document.getElementById("tools");

function lookButton() {
  const look = document.documentElement.dataset.look ?? "auto";
  const button = iconButton(LOOKS[look], NAMES[look], () => {
    const names = Object.keys(LOOKS);
    const next = names[(names.indexOf(look) + 1) % names.length];
    if (next === "auto") delete document.documentElement.dataset.look;
    else document.documentElement.dataset.look = next;
    try {
      localStorage.setItem("look", next);
    } catch {
      // then it is for now only
    }
    button.replaceWith(lookButton());
    tools.querySelector(".look").focus();
  });
  button.classList.add("look");
  return button;
}

const keysButton = iconButton("keyboard", "Keys", showKeys, "?");
keysButton.classList.add("keys-button");
tools.append(lookButton(), keysButton);

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing || event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "?") {
    event.preventDefault();
    showKeys();
  } else if (event.key === "/" && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    document.getElementById("q").focus();
  }
});

buildBox(document.getElementById("ask"), navigate);
route();
