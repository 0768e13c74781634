// The search box in the head of every view: words, or a picture or clip in their place.

import { el, icon, iconButton, toast } from "./dom.js";

/** What was dropped, pasted or chosen: { file, kind: "image" | "clip", url }; it lives in this tab only. */
export let dropped = null;

const changed = new EventTarget();
/** Call `heard` whenever somebody types ("words") or gives a picture ("picture"). */
export const onAsked = (heard, signal) =>
  changed.addEventListener("asked", (event) => heard(event.detail), { signal });

let input, token;

/** The words as they stand. */
export const words = () => input.value;

/** Show these words, and which moment the search is about, if it is "more like this". */
export function showAsked(text, like = "") {
  if (document.activeElement !== input || input.value.trim() !== text) input.value = text;
  const picture =
    dropped?.url ?? (like && `/api/v1/moments/${encodeURIComponent(like)}/thumbnail.jpg`);
  token.replaceChildren();
  token.hidden = !picture;
  if (!picture) return;
  const name = dropped ? dropped.file.name || "picture" : "Like this moment";
  token.append(
    dropped?.kind === "clip"
      ? el("video", { src: picture, muted: true })
      : el("img", { src: picture, alt: "" }),
    el("span.cut", {}, name),
    iconButton("close", `Remove: ${name}`, () => take(null)),
  );
}

/** Search with a file, or without the one that was there. */
export function take(file) {
  if (dropped) URL.revokeObjectURL(dropped.url);
  dropped = null;
  if (file) {
    const kind = file.type.startsWith("image/") && file.type !== "image/gif" ? "image" : "clip";
    if (kind === "clip" && !/^video\/|^image\/gif$/.test(file.type || "video/")) {
      toast("Only pictures and clips can be searched with", "bad");
      return;
    }
    dropped = { file, kind, url: URL.createObjectURL(file) };
  }
  tell("picture");
}

function tell(detail) {
  changed.dispatchEvent(new CustomEvent("asked", { detail }));
}

/** Fill the form; a question asked from another view goes to the search view. */
export function buildBox(form, navigate) {
  const elsewhere = () => location.pathname !== "/";
  input = el("input", {
    id: "q",
    type: "search",
    "aria-label": "Describe a moment",
    placeholder: "Describe a moment",
    enterkeyhint: "search",
    spellcheck: "false",
    maxlength: "400",
  });
  token = el("span.token", { hidden: true });
  const file = el("input", {
    type: "file",
    accept: "image/*,video/*",
    hidden: true,
    "aria-label": "Picture or clip",
  });
  file.addEventListener("change", () => {
    const chosen = file.files[0];
    file.value = "";
    if (chosen) give(chosen);
  });
  form.append(
    el("label.ask-sign", { for: "q" }, icon("search"), el("span.unseen", {}, "Search")),
    token,
    input,
    iconButton("picture", "Search with a picture or a clip", () => file.click()),
    file,
  );
  input.addEventListener("input", () => !elsewhere() && tell("words"));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !input.value && !token.hidden) take(null);
    if (event.key === "Escape" && !input.value && !token.hidden) take(null);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (elsewhere()) navigate(`/?${new URLSearchParams({ q: input.value })}`);
    else tell("enter");
  });

  async function give(given) {
    if (elsewhere()) await navigate("/");
    take(given);
  }

  // A file dropped anywhere searches, where the view does not take it for itself.
  const veil = el(
    "div.veil",
    { hidden: true },
    el(
      "div.veil-frame",
      {},
      icon("picture"),
      el("strong", {}, "Drop to find moments like it"),
      el("span", {}, "a picture or a short clip"),
    ),
  );
  document.body.append(veil);
  const files = (event) =>
    [...(event.dataTransfer?.types ?? [])].includes("Files") &&
    !document.querySelector("[data-takes-files]");
  let depth = 0;
  addEventListener("dragenter", (event) => files(event) && (depth++, (veil.hidden = false)));
  addEventListener("dragleave", (event) => files(event) && --depth <= 0 && (veil.hidden = true));
  addEventListener("dragover", (event) => files(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    if (event.dataTransfer.files[0]) give(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])][0];
    if (pasted) give(pasted);
  });
}
