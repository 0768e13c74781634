// The list of keys, behind "?".

import { el, iconButton } from "./dom.js";

const KEYS = {
  Everywhere: [
    ["/", "search"],
    ["Esc", "back, or clear the search"],
    ["?", "this list"],
  ],
  "Among moments": [
    ["← ↑ ↓ →", "move"],
    ["Enter", "open"],
    ["Space", "play it in its place"],
    ["X", "select"],
    ["M", "more like this"],
    ["E", "export what is selected"],
  ],
  "In a moment": [
    ["Space", "play, pause"],
    ["← →", "one second back, ahead"],
    [", .", "one frame back, ahead"],
    ["P N", "previous, next moment of the answers"],
    ["R", "repeat only this moment"],
    ["W", "why it matched"],
    ["X", "select"],
    ["M", "more like this"],
    ["F", "full screen"],
  ],
  "On the model page": [
    ["← →", "one frame back, ahead"],
    ["Space", "play the frames"],
    ["1 2 3 4", "frame, mask over it, mask alone, difference"],
  ],
};

/** Open it. */
export function showKeys() {
  if (document.querySelector("dialog.keys[open]")) return;
  const dialog = el(
    "dialog.sheet.keys",
    { "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    el(
      "div.sheet-head",
      {},
      el("h2", { id: "keys-title" }, "Keys"),
      iconButton("close", "Close", () => dialog.close()),
    ),
    el(
      "div.keys-groups",
      {},
      Object.entries(KEYS).map(([group, keys]) =>
        el(
          "section",
          {},
          el("h3", {}, group),
          el(
            "dl",
            {},
            keys.map(([key, does]) => [
              el(
                "dt",
                {},
                key.split(" ").map((one) => el("kbd", {}, one)),
              ),
              el("dd", {}, does),
            ]),
          ),
        ),
      ),
    ),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
