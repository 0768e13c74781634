// An operation as a command to copy, and, where it only reads, as a form to try it with.

import { resolved } from "./apidocs_schema.js";
import { el } from "./dom.js";
import { bytes } from "./format.js";

const LONGEST = 40_000; // characters of an answer that are shown

/** A line for a terminal; `address` is the one of the form, if it was filled in. */
export function curlOf(operation, spec, address = operation.full) {
  const url = `'${location.origin}${address}'`;
  const method = operation.verb === "get" ? "" : ` -X ${operation.verb.toUpperCase()}`;
  const [kind, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (!kind) return `curl${method} ${url}`;
  const schema = resolved(body.schema, spec);
  if (kind === "multipart/form-data") {
    const names = Object.entries(schema.properties ?? {});
    const file = names.find(([, one]) => isFile(one, spec));
    const other = names.find(([, one]) => !isFile(one, spec));
    const given = [file && ` -F '${file[0]}=@FILE'`, other && ` -F '${other[0]}=…'`];
    return `curl${given.filter(Boolean).join("")} ${url}`;
  }
  const example = Object.fromEntries(
    Object.entries(schema.properties ?? {})
      .filter(([name], place) => schema.required?.includes(name) || (!schema.required && !place))
      .map(([name, one]) => [name, sample(one, spec)]),
  );
  return `curl${method} -H 'Content-Type: application/json' -d '${JSON.stringify(example)}' ${url}`;
}

const isFile = (schema, spec) =>
  [schema, ...(schema.anyOf ?? [])].some((one) => {
    const part = resolved(one, spec);
    return part.format === "binary" || part.contentMediaType;
  });

function sample(schema, spec) {
  const one = resolved(schema, spec);
  if (one.enum) return one.enum[0];
  if (one.anyOf) return sample(one.anyOf[0], spec);
  return { array: ["…"], boolean: true, integer: 1, number: 1 }[one.type] ?? "…";
}

/** A form; `told(address)` hears what is asked. */
export function buildTry(operation, told) {
  const parameters = operation.parameters ?? [];
  const result = el("div.result", { "aria-live": "polite" });
  const send = el("button.button.main", { type: "submit" }, "Ask");
  const form = el(
    "form.try",
    { autocomplete: "off", "aria-label": `Try ${operation.path}` },
    el("h4", {}, "Try it"),
    parameters.length > 0 &&
      el(
        "div.try-fields",
        {},
        parameters.map((one) => input(one)),
      ),
    el("div.row", {}, send),
    result,
  );
  const addressNow = () => addressOf(operation, new FormData(form));
  form.addEventListener("input", () => told(addressNow()));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      await ask(addressNow(), result);
    } finally {
      send.disabled = false;
    }
  });
  return form;
}

function input({ name, required, schema }) {
  const kinds = [schema, ...(schema.anyOf ?? [])];
  const words = kinds.find((one) => one.enum)?.enum;
  const yes = kinds.some((one) => one.type === "boolean");
  const given = { name, required, "aria-required": required ? "true" : null };
  const placeholder = schema.default === undefined ? "" : String(schema.default ?? "");
  return el(
    "label.field",
    {},
    el("span", {}, name, required && el("span", {}, " (needed)")),
    words || yes
      ? el(
          "select.input",
          given,
          ["", ...(words ?? ["true", "false"])].map((word) => el("option", { value: word }, word)),
        )
      : el("input.input", { ...given, placeholder, spellcheck: "false" }),
  );
}

/** The path with its parameters filled in, and the query of those that are given. */
function addressOf(operation, given) {
  let path = operation.full;
  const query = new URLSearchParams();
  for (const one of operation.parameters ?? []) {
    const text = String(given.get(one.name) ?? "").trim();
    if (!text) continue;
    if (one.in === "path") path = path.replace(`{${one.name}}`, encodeURIComponent(text));
    else if (one.in === "query") query.set(one.name, text);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Show the answer as what it is: JSON, a picture, a video, an event stream, or its size. */
async function ask(address, result) {
  const began = performance.now();
  const aborter = new AbortController();
  let response;
  try {
    response = await fetch(address, { signal: aborter.signal });
  } catch {
    return result.replaceChildren(el("p.refused", {}, "The server does not answer."));
  }
  const took = Math.round(performance.now() - began);
  const kind = response.headers.get("Content-Type") ?? "";
  const head = el(
    "p",
    {},
    el("span", { class: response.ok ? "ok" : "refused" }, String(response.status)),
    ` in ${took} ms, ${kind.split(";")[0] || "no content"}`,
  );
  if (/^(image|video)\//.test(kind) && response.ok) {
    aborter.abort(); // the element fetches it itself, as much of it as it needs
    const shown = kind.startsWith("image/")
      ? el("img", { src: address, alt: "The answer" })
      : el("video", { src: address, controls: true, muted: true, "aria-label": "The answer" });
    return result.replaceChildren(head, shown);
  }
  if (kind.startsWith("text/event-stream")) {
    aborter.abort();
    return result.replaceChildren(
      head,
      el("p.soft", {}, "A stream of events: follow it in a terminal."),
    );
  }
  const text = await response.text();
  if (!/json|text\/plain/.test(kind)) {
    return result.replaceChildren(head, el("p.soft", {}, `${bytes(text.length)} of ${kind}`));
  }
  result.replaceChildren(
    head,
    el("pre", { tabindex: "0", "aria-label": "The answer" }, el("code", {}, pretty(text, kind))),
  );
}

function pretty(text, kind) {
  const shown = kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}\n…` : shown;
}
