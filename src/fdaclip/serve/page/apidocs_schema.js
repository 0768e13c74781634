// JSON Schema for people: a type in few words, and the fields of an object.

import { el } from "./dom.js";

const FEW = 12;
const DEEP = 4; // levels of fields that are opened up

/** What a $ref points to, or the schema itself. */
export function resolved(schema, spec) {
  const name = schema?.$ref?.split("/").pop();
  return name ? { ...spec.components.schemas[name], named: name } : (schema ?? {});
}

/** "integer, 1 to 200", "list of Hit", "string or null", "pixels | codec". */
export function typeOf(schema, spec) {
  const one = resolved(schema, spec);
  if (one.anyOf) return one.anyOf.map((part) => typeOf(part, spec)).join(" or ");
  if (one.enum) return one.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (one.const !== undefined) return JSON.stringify(one.const);
  if (one.named) return one.named;
  if (one.type === "array") return `list of ${typeOf(one.items, spec)}${limits(one)}`;
  if (one.format === "binary" || one.contentMediaType) return "file";
  return `${one.type ?? "anything"}${limits(one)}`;
}

function limits(schema) {
  const least = schema.minimum ?? schema.exclusiveMinimum;
  const most = schema.maximum ?? schema.exclusiveMaximum;
  const told = [];
  if (least !== undefined && most !== undefined) told.push(`${short(least)} to ${short(most)}`);
  else if (least !== undefined) told.push(`${short(least)} or more`);
  else if (most !== undefined) told.push(`${short(most)} or less`);
  if (schema.maxLength) told.push(`up to ${short(schema.maxLength)} characters`);
  if (schema.maxItems) told.push(`up to ${short(schema.maxItems)}`);
  if (schema.pattern) told.push(`like ${schema.pattern}`);
  return told.length ? `, ${told.join(", ")}` : "";
}

const short = (number) => number.toLocaleString("en");

/** A list of an operation's parameters. */
export function parametersOf(parameters, spec) {
  return el(
    "ul.fields",
    {},
    parameters.map((one) =>
      field(one.name, one.schema, spec, {
        must: one.required,
        says: one.description ?? one.schema?.description,
        place: one.in === "query" ? "" : one.in,
      }),
    ),
  );
}

/** The fields of an object, or of what a list is of; those of objects in it can be opened. */
export function fieldsOf(schema, spec, asked = false, deep = 0) {
  const one = objectOf(schema, spec);
  if (!one.properties) return el("p.type", {}, typeOf(schema, spec));
  const [says, told] = aboutFields(one);
  return el(
    "div",
    {},
    says && el("p.says", {}, says),
    el(
      "ul.fields",
      {},
      Object.entries(one.properties).map(([name, inner]) =>
        field(
          name,
          inner,
          spec,
          {
            must: asked && one.required?.includes(name),
            says: inner.description ?? told[name],
          },
          deep,
        ),
      ),
    ),
  );
}

/** What a schema says of itself, and of its fields: "Attributes: a, b: of both. c: of that one." */
function aboutFields({ description = "", properties }) {
  const [about, listed = ""] = description.replaceAll(/`+/g, "").split(/\n\s*Attributes:\n/);
  const name = `(?:${Object.keys(properties).join("|")})`;
  const heads = [...listed.matchAll(new RegExp(`(?:^|\\s)(${name}(?:, ${name})*): `, "g"))];
  const told = {};
  heads.forEach((head, place) => {
    const text = listed.slice(head.index + head[0].length, heads[place + 1]?.index);
    for (const one of head[1].split(", ")) told[one] = text.replace(/\s+/g, " ").trim();
  });
  return [about.trim(), told];
}

/** Are the fields so few that they can be shown without being asked for? */
export const few = (schema, spec) =>
  Object.keys(objectOf(schema, spec).properties ?? {}).length <= FEW;

/** The object that a schema is, or is a list of, or may be. */
function objectOf(schema, spec) {
  const one = resolved(schema, spec);
  if (one.type === "array") return objectOf(one.items, spec);
  const some = one.anyOf?.map((part) => objectOf(part, spec)).find((part) => part.properties);
  return some ?? one;
}

function field(name, schema, spec, { must = false, says = "", place = "" }, deep = 0) {
  const value = schema.default;
  const empty = value === undefined || value === null || value === "" || value.length === 0;
  const inner = objectOf(schema, spec);
  const opens = inner.properties && deep < DEEP;
  const details = opens && el("details", {}, el("summary", {}, `Fields of ${inner.named ?? name}`));
  if (details) {
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1)
        details.append(fieldsOf(inner, spec, false, deep + 1));
    });
  }
  return el(
    "li",
    {},
    el("span", {}, el("code", {}, name), must && el("span.must", {}, " needed")),
    el(
      "div",
      {},
      says && el("p", {}, says),
      el(
        "p.type",
        {},
        `${typeOf(schema, spec)}${place ? `, in the ${place}` : ""}${empty ? "" : `; ${String(value)} by default`}`,
      ),
    ),
    details,
  );
}
