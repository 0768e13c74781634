// The form that adds a folder or a file of the server's machine.

import { el, icon } from "./dom.js";

const SAME_MACHINE = ["localhost", "127.0.0.1", "[::1]"];

/** { element, known(folders) }: the form, or why nothing can be added. `add(request, failed)` begins a job. */
export function buildForm(facts, path, add) {
  if (facts.read_only) return { element: readOnly(), known() {} };
  let roots = [];
  const suggested = el("datalist", { id: "add-known" });
  const anew = el(
    "button.button.plain",
    {
      type: "button",
      title: "Goes through the folders that are known already",
      onclick: () => add({ paths: roots, videos: [], retry: false }, failed),
    },
    icon("retry"),
    "Look for new videos",
  );
  /** Folders of the library are suggested, and looked through anew. */
  const known = (folders) => {
    const paths = folders.map((folder) => folder.path);
    roots = topmost(paths);
    anew.hidden = !roots.length;
    suggested.replaceChildren(...paths.map((value) => el("option", { value })));
  };
  const wrong = el("p.lib-wrong", { id: "add-wrong", role: "alert" });
  const input = el("input.input", {
    id: "add-path",
    name: "path",
    value: path,
    list: "add-known",
    placeholder: "~/Videos",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    "aria-describedby": "add-says add-wrong",
  });
  const go = el("button.button.main", { type: "submit" }, icon("plus"), "Add");
  const failed = (error) => {
    go.disabled = input.readOnly = false;
    wrong.textContent = [error.message, error.hint].filter(Boolean).join(". ");
    input.setAttribute("aria-invalid", "true");
    input.focus();
  };
  const tell = (message) => failed({ message });
  const form = el(
    "form.lib-form",
    { novalidate: true },
    el("label", { for: "add-path" }, el("h2", {}, "Add a folder")),
    el("div.lib-ask", {}, input, go),
    suggested,
    wrong,
    el("div.row.spread", {}, el("p.soft.small", { id: "add-says" }, where()), anew),
  );
  input.addEventListener("input", () => {
    wrong.textContent = "";
    input.removeAttribute("aria-invalid");
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = unquoted(input.value);
    if (!given) return tell("Which folder? Write its whole path");
    if (!/^(\/|~|[a-z]:[\\/]|\\\\)/i.test(given))
      return tell("Write the whole path, from the first / on (or ~ for the home folder)");
    go.disabled = input.readOnly = true;
    add({ paths: [given], videos: [], retry: false }, failed);
  });
  known(facts.folders);
  return { element: form, known };
}

/** File managers copy paths with quotes around, or as an address. */
function unquoted(text) {
  const bare = text.trim().replace(/^(["'])(.*)\1$/, "$2");
  if (!bare.startsWith("file:///")) return bare;
  try {
    return decodeURIComponent(bare.slice("file://".length));
  } catch {
    return bare;
  }
}

/** Folders that lie in none of the others, as many as one request takes. */
export function topmost(paths) {
  const within = (path, other) => path !== other && path.startsWith(other.replace(/\/*$/, "/"));
  return paths.filter((path) => !paths.some((other) => within(path, other))).slice(0, 100);
}

function where() {
  const host = location.hostname;
  return SAME_MACHINE.includes(host)
    ? "The path of a folder or a file on the computer that runs fdaclip. With all folders in it; nothing is copied or changed."
    : `The path of a folder or a file on ${host}, not on the device before you. With all folders in it; nothing is copied or changed.`;
}

const readOnly = () =>
  el(
    "div.lib-note",
    {},
    icon("lock"),
    el(
      "div",
      {},
      el("h2", {}, "Nothing can be added here"),
      el(
        "p",
        {},
        "This server was started with ",
        el("code", {}, "--read-only"),
        ". Who runs it can add videos in a terminal, meanwhile or later: ",
        el("code", {}, "fdaclip index FOLDER"),
      ),
    ),
  );
