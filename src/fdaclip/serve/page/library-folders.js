// The folders of the library: each leads to a search in it; some can be looked through anew.

import { navigate } from "./app.js";
import { el, icon, iconButton } from "./dom.js";
import { count } from "./format.js";
import { here } from "./library.js";

const FEW = 8; // folders that need no field to find one
const TOLD = 500; // as many the server tells

/** Draw them, those with the most files first. */
export function buildFolders(root, folders, act) {
  const sought = root.querySelector("input")?.value ?? "";
  const typing = root.contains(document.activeElement) && document.activeElement.matches("input");
  const list = el("ul.lib-list");
  const none = el("p.soft.small", { hidden: true }, "No folder is called so.");
  const field = el("input.input", {
    type: "search",
    value: sought,
    placeholder: "Find a folder",
    "aria-label": "Find a folder",
  });
  const rows = folders.map((folder) => [folder.path.toLowerCase(), row(folder, act)]);
  const narrow = () => {
    const words = field.value.toLowerCase().trim();
    const fit = rows.filter(([path]) => path.includes(words));
    list.replaceChildren(...fit.map(([, made]) => made));
    none.hidden = fit.length > 0;
  };
  field.addEventListener("input", narrow);
  narrow();
  root.replaceChildren(
    el(
      "div.lib-title",
      {},
      el("h2", { id: "folders-title" }, "Folders"),
      el(
        "span.soft.numbers",
        {},
        folders.length === TOLD ? `the ${TOLD} largest` : count(folders.length),
      ),
    ),
    ...(folders.length > FEW ? [field] : []),
    list,
    none,
  );
  if (typing) field.focus();
}

function row({ path, files }, act) {
  const parts = path.split("/");
  const name = parts.pop() || path;
  const look = () => act.start({ paths: [path], videos: [], retry: false });
  const anew = iconButton("retry", `Look for new videos in ${path}`, look);
  anew.disabled = !act.now;
  return el(
    "li.lib-folder",
    {},
    el(
      "a.lib-folder-link",
      { href: `/?${new URLSearchParams({ folder: path })}`, title: `Search in ${path}` },
      icon("folder"),
      el(
        "span.lib-folder-name",
        {},
        el("span.cut", {}, name),
        el("span.soft.small.cut", {}, parts.join("/") || "/"),
      ),
      el("span.soft.small.numbers", {}, count(files)),
      el("span.unseen", {}, files === 1 ? "video: search in it" : "videos: search in it"),
    ),
    iconButton("film", `List the videos in ${path}`, () =>
      navigate(here({ folder: path, state: null })),
    ),
    act.may && anew,
  );
}
