// The page of the interface: addresses by subject, a search, and each address with a request to try. No framework.
import { h } from "/app/dom.js";
import { limits, resolve, setComponents, table, words } from "./schema.js";
import { Request } from "./try.js";

const list = document.getElementById("list");
const search = document.getElementById("search");
const token = document.getElementById("token");
const count = document.getElementById("count");
const routes = [];

// Backticks of the descriptions become code; all else is text.
const text = (words) => String(words ?? "").split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));
const paragraphs = (words) => String(words ?? "").split(/\n\n+/).filter(Boolean).map((part) => h("p", {}, text(part)));

function showParameters(parameters) {
  if (!parameters.length) return null;
  return [h("h3", {}, "Parameters"), h("div", { class: "wide" }, h("table", {}, h("tbody", {}, parameters.map((one) => h("tr", {},
    h("td", {}, h("code", {}, one.name)), h("td", {}, `${one.in}${one.required ? ", needed" : ""}`),
    h("td", {}, text(one.description), " ", h("span", { class: "quiet" }, [words(one.schema), limits(one.schema)].filter(Boolean).join(", "))))))))];
}

function showReplies(responses) {
  const own = Object.entries(responses).filter(([, one]) => !one.$ref);
  const errors = Object.entries(responses).filter(([, one]) => one.$ref).map(([status, one]) => [status, resolve(one)]);
  return [
    own.map(([status, one]) => [h("h3", {}, `${status} ${one.description}`), Object.entries(one.content ?? {}).map(([type, media]) => [
      type === "application/json" ? null : h("p", { class: "quiet" }, type), media.schema?.type === "string" ? null : table(media.schema),
      media["x-event-data"] && [h("p", { class: "quiet" }, "The data of an event:"), table(media["x-event-data"])]])]),
    h("details", {}, h("summary", {}, `Errors: ${errors.map(([status]) => status).join(", ")}`),
      errors.map(([status, one]) => [h("h3", {}, status), one.description.split("\n").filter((line) => line.startsWith("- ")).map((line) => h("p", {}, text(line.slice(2))))])),
  ];
}

function showTry(request) {
  const command = h("pre", { tabindex: "0", "aria-label": "Command" });
  const state = h("span", { class: "quiet", role: "status" });
  const result = h("pre", { hidden: true, tabindex: "0", "aria-label": "Reply" });
  let stop = null;
  const refresh = () => (command.textContent = request.curl);
  const send = h("button", { class: "main", type: "submit" }, `Send ${request.method}`);
  const copy = h("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(request.curl);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy command"), 2000);
  } }, "Copy command");
  const end = h("button", { type: "button", hidden: true, onclick: () => stop?.abort() }, "Stop");
  const show = (head, body) => { state.textContent = head; result.hidden = false; result.textContent = body; };
  async function run(event) {
    event.preventDefault();
    stop = new AbortController();
    send.disabled = true; end.hidden = false; state.textContent = "Waiting…";
    try { await request.send(show, stop.signal); } catch (error) {
      state.textContent = error.name === "AbortError" ? "Stopped" : `No reply: ${error.message}`;
    }
    send.disabled = false; end.hidden = true;
  }
  refresh();
  return h("form", { onsubmit: run, oninput: refresh },
    h("h3", {}, "Try it"),
    request.fields.length > 0 && h("div", { class: "values" }, request.fields.map(({ one, input }) => h("label", {}, one.name, input))),
    request.body && [h("p", { class: "quiet" }, request.type), request.body],
    h("div", { class: "row" }, send, end, copy, state), command, result);
}

function fill(place, path, method, operation) {
  const limit = operation["x-rate-limit"];
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const request = new Request(path, method, operation, () => token.value.trim());
  place.append(
    ...paragraphs(operation.description),
    h("p", { class: "quiet" }, `For ${operation["x-access"]}.`, limit && ` At most ${limit.requests} requests in ${limit.windowSeconds} s, together with all of the kind “${limit.kind}”.`),
    ...[showParameters(operation.parameters), media && [h("h3", {}, "Body"), h("p", { class: "quiet" }, type), table(media.schema)], showReplies(operation.responses), showTry(request)].flat(Infinity).filter(Boolean));
}

function makeRoute(path, method, operation) {
  const inside = h("div", { class: "inside" });
  const route = h("details", { class: "route", id: operation.operationId, ontoggle: () => {
    if (route.open && !inside.childElementCount) fill(inside, path, method, operation);
  } }, h("summary", {}, h("span", { class: `method ${method}` }, method), h("span", { class: "path" }, path), h("span", { class: "what" }, text(operation.summary))), inside);
  const words = [method, path, operation.summary, operation.description, operation["x-access"], ...Object.keys(operation.responses), ...operation.parameters.map((one) => one.name)];
  routes.push({ route, words: words.join(" ").toLowerCase() });
  return route;
}

function filter() {
  const parts = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { route, words } of routes) {
    route.hidden = !parts.every((part) => words.includes(part));
    shown += route.hidden ? 0 : 1;
  }
  for (const section of list.querySelectorAll("section")) section.hidden = !section.querySelector("details.route:not([hidden])");
  count.textContent = `${shown} of ${routes.length} requests`;
}

// By name; the pages and their files last.
const byName = ([one], [other]) => (one === "pages") - (other === "pages") || one.localeCompare(other);

function openHash() {
  const route = document.getElementById(location.hash.slice(1));
  if (!route?.matches("details.route")) return;
  if (route.hidden) { search.value = ""; filter(); }
  route.open = true;
  route.scrollIntoView();
}

async function start() {
  const reply = await fetch("/openapi.json");
  if (!reply.ok) throw new Error(`openapi.json: ${reply.status}`);
  const spec = await reply.json();
  setComponents(spec.components);
  const groups = new Map();
  for (const [path, methods] of Object.entries(spec.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const group = groups.get(operation.tags[0]) ?? groups.set(operation.tags[0], []).get(operation.tags[0]);
      group.push(makeRoute(path, method.toUpperCase(), operation));
    }
  document.getElementById("about").prepend(`Version ${spec.info.version}. `);
  const more = h("details", {}, h("summary", {}, "What all addresses have in common"), paragraphs(spec.info.description));
  list.replaceChildren(more, ...[...groups].sort(byName).map(([name, group]) => h("section", { "aria-label": name }, h("h2", {}, name), group)));
  filter();
  openHash();
}

search.addEventListener("input", filter);
document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select")) { event.preventDefault(); search.focus(); }
});
addEventListener("hashchange", openHash);
start().catch((error) => list.replaceChildren(h("p", { class: "state fail" }, `The description could not be loaded: ${error.message}`)));
