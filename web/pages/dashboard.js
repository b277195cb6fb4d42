// The dashboard: shows each document, says how fresh it is, and takes keys, filter and refresh rate.

import "./actions.js";
import { Live } from "./live.js";
import { byId, clock, duration, fill } from "./page.js";
import { hourTable, showDay } from "./pictures.js";
import * as sections from "./sections.js";

const TITLE = "Omi Actors";
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;
const NODE = /^[A-Za-z0-9._-]{1,64}$/; // of several processes at this address, the one that the page shows
const DAY_EVERY_MS = 60_000;
const body = document.body;
let shown; // the latest document
let back = ""; // a sentence about the server's return, for a while

function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text; // a screen reader announces every change
}

function say(state, status) {
  setText("state", state);
  byId("hero").className = `hero ${status}`;
  document.title = `${status === "pass" ? "" : status === "fail" ? "✖ " : "▲ "}${state} · ${TITLE}`;
}

const PARTS = {
  causes: sections.showCauses,
  checks: sections.showChecks,
  tiles: sections.showTiles,
  nodes: sections.showNodes,
  active: sections.showActive,
  errors: sections.showErrors,
  queue: sections.showQueue,
  actors: sections.showActors,
  webhooks: sections.showWebhooks,
  tables: sections.showTables,
};

/** Show a document. A part that it lacks keeps its place empty. */
function show(data) {
  shown = data;
  body.classList.remove("stale");
  say(data.state, data.status);
  for (const [name, draw] of Object.entries(PARTS)) if (data[name]) draw(data);
  byId("demo").hidden = !data.demo;
  setText("node", data.node ?? "");
  body.dataset.query = data.nodes?.length && NODE.test(data.node ?? "") ? `?node=${data.node}` : "";
  byId("taken").setAttribute("datetime", data.takenAt);
  if (byId("hour").open) fill(byId("hour-body"), hourTable(data.tiles, clock(data.takenAt)));
  if (performance.now() - dayAt > DAY_EVERY_MS) loadDay();
  freshness();
  filter();
}

let dayAt = -Infinity;

/** Load the figures of the day: a new minute comes once a minute. */
async function loadDay() {
  dayAt = performance.now();
  try {
    const reply = await fetch(`${body.dataset.place}/minutes.json${body.dataset.query ?? ""}`, { cache: "no-store" });
    if (reply.ok) showDay(await reply.json(), shown);
  } catch {
    // The next document tries again in a minute.
  }
}

function freshness() {
  const at = clock(shown?.takenAt);
  setText("taken", at);
  setText("freshness", live.isPaused ? "Paused, as of" : `${back}Live, as of`);
}

const live = new Live(body.dataset.place, {
  document: show,
  gone(ms) {
    body.classList.add("stale");
    say("The server does not answer", "fail");
    setText("freshness", `No answer for ${Math.round(ms / 1000)} s. Start it again, or read the end of its log; or is the network down? The figures below are those of`);
    back = "";
  },
  back(ms) {
    body.classList.remove("stale");
    back = `The server is back; it did not answer for ${duration(ms)}. `;
    setTimeout(() => {
      back = "";
    }, 30_000);
    if (shown) say(shown.state, shown.status);
    freshness();
  },
  signedOut() {
    body.classList.add("stale");
    say("You are signed out", "warn");
    setText("freshness", "Open a new link from `omi-actors operator-link`, then load this page again. The figures below are those of");
  },
});

function togglePause() {
  live.setPaused(!live.isPaused);
  byId("pause").textContent = live.isPaused ? "Resume" : "Pause";
  byId("pause").setAttribute("aria-pressed", String(live.isPaused));
  freshness();
}

/** Hide the rows that do not have the filter's words. */
function filter() {
  const words = byId("filter").value.trim().toLowerCase();
  let hits = 0;
  for (const row of document.querySelectorAll("table.rows tbody tr, [data-table] tr")) {
    const isHit = !words || row.textContent.toLowerCase().includes(words);
    row.hidden = !isHit;
    hits += isHit ? 1 : 0;
  }
  setText("filter-note", words ? `${hits} ${hits === 1 ? "row" : "rows"}` : "");
}

/** Go to a part of the page; the folds that it is in open. */
function jump(id) {
  const part = byId(id);
  if (!part || part.hidden) return;
  for (let fold = part.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  part.scrollIntoView({ block: "start" });
  part.querySelector("summary")?.focus({ preventScroll: true });
}

const JUMPS = { r: "active", e: "errors", q: "queue", a: "actors", w: "webhooks", f: "figures" };
let wasG = false;

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.closest("input, select, textarea, [contenteditable]")) return;
  const isG = wasG;
  wasG = key === "g";
  if (isG && JUMPS[key]) jump(JUMPS[key]);
  else if (key === " " && !target.closest("button, summary, a")) togglePause();
  else if (key === "/") byId("filter").focus();
  else if (key === "?") byId("help").showModal();
  else return;
  event.preventDefault();
});

byId("pause").addEventListener("click", togglePause);
byId("keys").addEventListener("click", () => byId("help").showModal());
byId("filter").addEventListener("input", filter);
byId("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const words = byId("filter").value.trim();
  const timeline = `${body.dataset.place}/requests/${words}`;
  if (!REQUEST_ID.test(words)) return;
  const reply = await fetch(timeline, { method: "HEAD" });
  if (reply.ok) location.assign(timeline);
  else setText("filter-note", "No request with this id is kept.");
});
byId("hour").addEventListener("toggle", () => shown && fill(byId("hour-body"), hourTable(shown.tiles, clock(shown.takenAt))));
byId("every").value = String(live.every);
byId("every").addEventListener("change", ({ target }) => live.choose(Number(target.value)));
document.addEventListener("click", (event) => {
  const target = event.target.closest?.('a[href^="#"]')?.getAttribute("href").slice(1);
  if (!target || !byId(target)?.closest("details")) return;
  event.preventDefault();
  jump(target);
});
if (matchMedia("(max-width: 45rem)").matches) {
  for (const section of document.querySelectorAll("details.section")) section.open = false;
}
byId("controls").hidden = false;
