// JSON Schemas of the document as words, tables and examples.
import { h } from "/app/dom.js";

let components = {};
export const setComponents = (all) => (components = all);

export function resolve(value) {
  if (!value?.$ref) return value ?? {};
  const [, kind, name] = value.$ref.match(/^#\/components\/(\w+)\/(.+)$/);
  return { title: name, ...components[kind]?.[name] };
}

const nameOf = (schema) => schema.$ref?.split("/").pop();

// "a list of MemoryForm", "string or null"
export function words(schema) {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" or ");
  if (schema.anyOf) return schema.anyOf.map(words).join(" or ");
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  if (schema.type === "array") return `list of ${words(schema.items) || "anything"}`;
  return [schema.type ?? "anything", schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

const LIMITS = { minimum: "at least", maximum: "at most", minLength: "at least", maxLength: "at most", pattern: "like", default: "default" };
export function limits(schema) {
  const unit = (name) => (name.endsWith("Length") ? " characters" : "");
  return Object.keys(LIMITS).filter((name) => schema?.[name] !== undefined).map((name) => `${LIMITS[name]} ${schema[name]}${unit(name)}`).join(", ");
}

// Rows of an object's properties; those of named forms stand below, each once.
export function table(schema, depth = 0) {
  const form = resolve(schema);
  if (!form.properties) return h("p", {}, h("code", {}, words(schema)), form.description && ` ${form.description}`);
  const needed = new Set(form.required ?? []);
  const inner = Object.values(form.properties).map(findObject).filter(Boolean);
  return [
    form.description && h("p", { class: "quiet" }, form.description),
    h("div", { class: "wide" }, h("table", {}, h("tbody", {}, Object.entries(form.properties).map(([name, one]) => h("tr", {},
      h("td", {}, h("code", {}, name)), h("td", {}, words(one)),
      h("td", {}, [needed.has(name) ? "always" : "", one.description, limits(one)].filter(Boolean).join("; "))))))),
    depth < 3 && [...new Map(inner.map((one) => [one.$ref, one])).values()].map((one) =>
      h("details", {}, h("summary", {}, nameOf(one)), table(one, depth + 1))),
  ];
}

function findObject(schema) {
  if (schema.$ref) return schema;
  return findObjectIn([schema.items, ...(schema.anyOf ?? [])]);
}
const findObjectIn = (parts) => parts.filter(Boolean).map(findObject).find(Boolean);

// A value that fits a schema.
export function example(schema, depth = 0) {
  const form = resolve(schema);
  if (form.examples?.length) return form.examples[0];
  if (form.default !== undefined) return form.default;
  if (form.enum) return form.enum[0];
  if (form.anyOf) return example(form.anyOf[0], depth);
  if (form.properties && depth < 5) {
    const needed = new Set(form.required ?? []);
    return Object.fromEntries(Object.entries(form.properties).filter(([name]) => needed.has(name)).map(([name, one]) => [name, example(one, depth + 1)]));
  }
  const type = Array.isArray(form.type) ? form.type[0] : form.type;
  return { array: form.items && depth < 5 ? [example(form.items, depth + 1)] : [], integer: form.minimum ?? 0, number: 0, boolean: false, object: {}, null: null }[type] ?? "";
}
