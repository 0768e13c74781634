// The API's own documentation, drawn from what the server says of itself: /api/v1/openapi.json.

import { ask } from "./api.js";
import { few, fieldsOf, parametersOf, typeOf } from "./apidocs_schema.js";
import { buildTry, curlOf } from "./apidocs_try.js";
import { el, errorNotice, icon, iconButton, toast } from "./dom.js";

const VERBS = ["get", "post", "put", "patch", "delete"];
const root = document.getElementById("operations");
const contents = document.getElementById("contents");
const box = el("input", {
  type: "search",
  "aria-label": "Filter the operations",
  placeholder: "Filter: a word of a path or of what it does",
  spellcheck: "false",
});
document.getElementById("filter").append(icon("search"), box);
document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());

/** Draw it all. */
async function show() {
  root.replaceChildren(...Array.from({ length: 6 }, () => el("div.skeleton.operation")));
  let spec;
  try {
    spec = await ask("/openapi.json");
  } catch (error) {
    return root.replaceChildren(errorNotice(error, show));
  }
  const groups = groupsOf(spec);
  root.replaceChildren(
    el(
      "header.intro",
      {},
      el("h1", {}, "API"),
      el(
        "p",
        {},
        `${spec.info.title} ${spec.info.version}. ${spec.info.description ?? ""} JSON in and out; times in seconds, dates in Unix time. Programs read `,
        el("a", { href: "/api/v1/openapi.json" }, "the same description"),
        ".",
      ),
    ),
    ...[...groups].map(([tag, operations]) =>
      el(
        "section.group",
        { "aria-labelledby": `tag-${tag}` },
        el("h2", { id: `tag-${tag}` }, tag),
        operations.map((operation) => card(operation, spec)),
      ),
    ),
    el("p.soft.none", { hidden: true, role: "status" }, "No operation fits these words."),
  );
  contents.replaceChildren(
    ...[...groups].flatMap(([tag, operations]) => [
      el("h2", {}, tag),
      ...operations.map((one) =>
        el("a", { href: `#${one.id}` }, verb(one), el("span", {}, pathParts(one.path))),
      ),
    ]),
  );
  box.addEventListener("input", filter);
  addEventListener("hashchange", arrive);
  addEventListener("keydown", keys);
  arrive();
}

/** Operations by tag: { id, verb, path, full, about, …what OpenAPI says }. */
function groupsOf(spec) {
  const groups = new Map();
  for (const [full, item] of Object.entries(spec.paths)) {
    for (const name of VERBS.filter((one) => one in item)) {
      const path = full.replace("/api/v1", "") || "/";
      const id = `${name}${path.replace(/[^a-z0-9]+/gi, "-")}`.replace(/-$/, "");
      const tag = item[name].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ ...item[name], id, verb: name, path, full });
    }
  }
  return groups;
}

const verb = (operation) =>
  el("span.verb", { class: operation.verb }, operation.verb.toUpperCase());

/** What an operation does, in its first paragraph; the rest of it. */
function told(operation) {
  const [first, ...rest] = (operation.description ?? operation.summary ?? "").split(/\n\n/);
  const about = rest.filter((one) => !/^(Args|Raises|Returns):/.test(one.trim()));
  return [first.replaceAll(/`+/g, ""), about.join("\n\n").replaceAll(/`+/g, "")];
}

function card(operation, spec) {
  const [first, rest] = told(operation);
  const inside = el("div.inside");
  const element = el(
    "details.card.operation",
    { id: operation.id },
    el(
      "summary",
      {},
      verb(operation),
      el("h3", {}, el("code", {}, pathParts(operation.path))),
      icon("down"),
      el("p", {}, first),
    ),
    inside,
  );
  element.dataset.text =
    `${operation.verb} ${operation.path} ${first} ${operation.tags}`.toLowerCase();
  element.addEventListener("toggle", () => {
    if (element.open && !inside.childElementCount) fill(inside, operation, spec, rest);
  });
  return element;
}

/** A path with its parameters set apart, which breaks where it may. */
const pathParts = (path) =>
  path
    .split(/(\{[^}]+\}|\/)/)
    .map((part) =>
      part === "/"
        ? [el("wbr"), part]
        : part.startsWith("{")
          ? el("span.path-part", {}, part)
          : part,
    );

function fill(inside, operation, spec, rest) {
  const parameters = operation.parameters ?? [];
  const body = Object.entries(operation.requestBody?.content ?? {})[0];
  const line = el("code", {}, curlOf(operation, spec));
  const copyOf = (what, said) => () =>
    navigator.clipboard.writeText(what()).then(
      () => toast(said),
      () => toast("It could not be copied", "bad"),
    );
  inside.append(
    ...[
      rest && el("p.says", {}, rest),
      parameters.length > 0 &&
        el("section", {}, el("h4", {}, "Parameters"), parametersOf(parameters, spec)),
      body &&
        el(
          "section",
          {},
          el("h4", {}, "Body ", el("small", {}, body[0])),
          fieldsOf(body[1].schema, spec, true),
        ),
      el(
        "section",
        {},
        el("h4", {}, "Answers"),
        Object.entries(operation.responses).map(([status, one]) => answer(status, one, spec)),
      ),
      el(
        "section",
        {},
        el("h4", {}, "In a terminal"),
        el(
          "div.code",
          {},
          el("pre", {}, line),
          iconButton(
            "copy",
            "Copy the command",
            copyOf(() => line.textContent, "Command copied"),
          ),
        ),
      ),
      operation.verb === "get" &&
        buildTry(operation, (address) => (line.textContent = curlOf(operation, spec, address))),
      el(
        "div.row",
        {},
        el(
          "button.button.plain.small",
          {
            type: "button",
            onclick: copyOf(() => new URL(`#${operation.id}`, location.href).href, "Link copied"),
          },
          icon("link"),
          "Copy link to this",
        ),
      ),
    ].filter(Boolean),
  );
}

function answer(status, response, spec) {
  const content = Object.entries(response.content ?? {})[0];
  const schema = content?.[1].schema;
  const says = response.description === "Successful Response" ? "" : response.description;
  return el(
    "div.answer",
    {},
    el(
      "p",
      {},
      el("strong", { class: status.startsWith("2") ? "ok" : "" }, status),
      content && el("span.type", {}, schema ? typeOf(schema, spec) : content[0]),
      says && el("span.soft", {}, says),
    ),
    schema &&
      status.startsWith("2") &&
      el(
        "details",
        { open: few(schema, spec) },
        el("summary", {}, "Fields"),
        fieldsOf(schema, spec),
      ),
  );
}

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const cards = [...root.querySelectorAll(".operation")];
  for (const one of cards) {
    one.hidden = !words.every((word) => one.dataset.text.includes(word));
    const entry = contents.querySelector(`a[href="#${one.id}"]`);
    entry.hidden = one.hidden;
  }
  for (const group of root.querySelectorAll(".group"))
    group.hidden = !group.querySelector(".operation:not([hidden])");
  for (const head of contents.querySelectorAll("h2")) {
    let entry = head.nextElementSibling;
    head.hidden = true;
    for (; entry?.matches("a"); entry = entry.nextElementSibling)
      if (!entry.hidden) head.hidden = false;
  }
  root.querySelector(".none").hidden = cards.some((one) => !one.hidden);
}

/** Open the operation that the address names. */
function arrive() {
  const id = decodeURIComponent(location.hash.slice(1));
  const one = id ? document.getElementById(id) : null;
  for (const link of contents.querySelectorAll("a")) {
    if (link.hash === location.hash && id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (!one?.matches(".operation")) return;
  one.open = true;
  one.scrollIntoView({ block: "start" });
  one.querySelector("summary").focus({ preventScroll: true });
}

function keys(event) {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape" && event.target === box) {
    box.value = "";
    filter();
  } else if (event.key === "/" && !typing && !event.metaKey && !event.ctrlKey && !event.altKey) {
    event.preventDefault();
    box.focus();
  }
}

show();
