// One request of the page: its values, the command for a shell, and sending it.
import { h } from "/app/dom.js";
import { example, resolve } from "./schema.js";

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const MAX_SHOWN = 20000;

export class Request {
  constructor(path, method, operation, token) {
    Object.assign(this, { path, method, operation, token });
    this.fields = (operation.parameters ?? []).map((one) => ({ one, input: makeInput(one) }));
    const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    this.type = type;
    this.isForm = type === "application/x-www-form-urlencoded";
    const value = media && (media.example ?? example(media.schema));
    this.body = media && h("textarea", { spellcheck: "false", "aria-label": "Body", value: this.isForm ? String(new URLSearchParams(value)) : JSON.stringify(value, null, 2) });
    this.streams = "text/event-stream" in (Object.values(operation.responses)[0].content ?? {});
  }

  get target() {
    const query = new URLSearchParams();
    let path = this.path;
    for (const { one, input } of this.fields) {
      if (one.in === "path") path = path.replace(`{${one.name}}`, encodeURIComponent(input.value || `:${one.name}`));
      else if (one.in === "query" && input.value) query.append(one.name, input.value);
    }
    return path + (query.size ? `?${query}` : "");
  }

  get headers() {
    const given = this.fields.filter(({ one, input }) => one.in === "header" && input.value).map(({ one, input }) => [one.name, input.value]);
    return Object.fromEntries([...given, ...(this.body?.value ? [["Content-Type", this.type]] : [])]);
  }

  // The command names the token's variable, never the token.
  get curl() {
    const needs = this.operation.security?.length > 0;
    const lines = [`curl ${this.method === "GET" ? "" : `-X ${this.method} `}${quote(location.origin + this.target)}`];
    if (needs) lines.push('-H "Authorization: Bearer $OMI_TOKEN"');
    for (const [name, value] of Object.entries(this.headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
    if (this.body?.value) lines.push(`--data-raw ${quote(this.isForm ? this.body.value : compact(this.body.value))}`);
    return lines.join(" \\\n  ");
  }

  async send(show, signal) {
    const headers = { Accept: "application/json, text/event-stream;q=0.5, */*;q=0.1", ...this.headers };
    const token = this.token();
    if (token) headers.Authorization = `Bearer ${token}`;
    const began = performance.now();
    const reply = await fetch(this.target, { method: this.method, headers, body: this.body?.value || undefined, signal, credentials: token ? "omit" : "same-origin", redirect: "manual", cache: "no-store" });
    const head = () => `${reply.status || "Redirected"} ${reply.statusText}, after ${Math.round(performance.now() - began)} ms`;
    const kind = reply.headers.get("Content-Type") ?? "";
    if (kind.startsWith("text/event-stream")) return this.follow(reply, (text) => show(head(), text));
    if (/zip|octet-stream/.test(kind)) return show(head(), `${(await reply.blob()).size} bytes of ${kind}`);
    const text = await reply.text();
    return show(head(), kind.startsWith("application/json") ? pretty(text) : text);
  }

  async follow(reply, show) {
    let text = "";
    for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) show((text = (text + piece).slice(-MAX_SHOWN)));
  }
}

function makeInput(one) {
  const schema = resolve(one.schema);
  const label = { "aria-label": one.name, required: one.required };
  if (schema.enum) return h("select", label, h("option", { value: "" }, ""), schema.enum.map((word) => h("option", { value: word }, word)));
  const first = schema.examples?.[0] ?? (one.in === "path" ? "" : schema.default) ?? "";
  return h("input", { ...label, value: one.required ? first : "", placeholder: String(first), autocomplete: "off", spellcheck: "false" });
}

const compact = (text) => { try { return JSON.stringify(JSON.parse(text)); } catch { return text; } };
function pretty(text) {
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}\n… ${shown.length - MAX_SHOWN} more characters` : shown;
}
