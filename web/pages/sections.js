// The sections of the page, each made from its part of the document. Every value is set as text.

import { ago, byId, clock, count, duration, explained, fill, h, table } from "./page.js";
import { sparkline } from "./pictures.js";

const WORD = { pass: "well", warn: "needs attention", fail: "fails" };
const JOBS = "/operator/queue/jobs";
const place = document.body.dataset.place;
const mayChange = document.body.dataset.mayChange === "true";

/** A button that changes something; a person who may only look gets none. */
function button(act, label, target, { about = "", quiet = false } = {}) {
  if (!mayChange) return false;
  const attributes = { type: "button", class: quiet ? "small quiet-button" : "small", "data-act": act };
  return h("button", { ...attributes, "data-target": target, "aria-label": about && `${label} ${about}` }, label);
}

const timeline = (id, words = id) => (id ? h("a", { href: `${place}/requests/${encodeURIComponent(id)}` }, words) : "–");

/** The name of the place that a cause's link leads to. */
function nameOf(link) {
  const part = link.startsWith("#") && byId(link.slice(1));
  return (part?.querySelector?.("h2, h3") ?? part)?.textContent ?? link;
}

export function showCauses({ causes, state, takenAt }) {
  fill(
    byId("causes"),
    causes.map((cause, at) =>
      h(
        "li",
        { class: cause.status ?? "warn", "data-key": cause.what },
        // The sentence at the top has the first cause already.
        !(at === 0 && state.toLowerCase().endsWith(cause.what.toLowerCase())) && h("strong", {}, cause.what, " "),
        cause.detail && `${cause.detail} `,
        h("span", { class: "advice" }, cause.do, " "),
        cause.link && h("a", { href: cause.link }, `See ${nameOf(cause.link)}`),
        cause.since && h("span", { class: "quiet" }, " Since ", ago(cause.since, takenAt), "."),
        cause.consequences?.length > 0 &&
          h(
            "div",
            { class: "consequences" },
            h("span", { class: "quiet" }, at === 0 ? "It leads to:" : "Leads to:"),
            h("ul", {}, cause.consequences.map((text) => h("li", {}, text))),
          ),
      ),
    ),
  );
}

export function showChecks({ checks }) {
  fill(
    byId("checks"),
    checks.map(([name, status, words]) =>
      h(
        "li",
        { class: `state ${status}`, "data-key": name },
        explained(`${name} `, words),
        h("span", { class: "unseen" }, WORD[status] ?? status),
      ),
    ),
  );
}

export function showTiles({ tiles }) {
  fill(
    byId("tiles"),
    tiles.map(({ name, label, value, note, status, series }) =>
      h(
        "div",
        { class: `tile ${status ?? ""}`, "data-key": name ?? label },
        h("dt", {}, label),
        h("dd", { class: "value" }, value),
        h("dd", { class: "picture" }, sparkline(series)),
        h("dd", { class: "note", tabindex: "0" }, note),
      ),
    ),
  );
}

export function showActive({ active }) {
  heading("active", active.length, "under way");
  const columns = [
    ["Request", "Its id; it leads to the request's stages."],
    ["Address", ""],
    ["Stage", "The work that the request is in now."],
    ["Age", "Time since it was received.", true],
  ];
  const rows = active.map(({ id, method, route, stage, ageMs, slow }) => ({
    key: id,
    state: slow ? "warn-row" : "",
    cells: [timeline(id), `${method} ${route}`, stage, h("span", {}, duration(ageMs), slow && " (slow)")],
  }));
  fill(byId("active-body"), table("Active requests", columns, rows, "No request is under way."));
}

export function showErrors({ errors, takenAt }) {
  heading("errors", errors.length, errors.length === 1 ? "kind" : "kinds");
  const columns = [
    ["Error", "Errors of one type at one place are one row."],
    ["Where", "The place in the program, or the address."],
    ["Count", "Since the server's start.", true],
    ["First", "", true],
    ["Last", "", true],
    ["Example", "A request that had it: its stages and log lines."],
  ];
  const rows = errors.map((one) => ({
    key: `${one.type} ${one.where}`,
    cells: [one.type, one.where, count(one.count), ago(one.firstAt, takenAt), ago(one.lastAt, takenAt), timeline(one.request)],
  }));
  fill(byId("errors-body"), table("Errors, grouped", columns, rows, "No errors since the start."));
}

export function showQueue({ queue, takenAt }) {
  heading("queue", queue.failed.length ? queue.states.dead : 0, "dead");
  fill(byId("queue-body"), queue.note && h("p", { class: "warn state" }, queue.note), pauses(queue, takenAt), states(queue), kinds(queue), failed(queue, takenAt));
}

const STATE_WORDS = [
  ["ready", "waiting"],
  ["running", "running"],
  ["dead", "dead"],
  ["done", "done"],
  ["cancelled", "discarded"],
];

function states({ states: counts }) {
  return h(
    "ul",
    { class: "figures-line" },
    STATE_WORDS.map(([state, word]) =>
      h("li", {}, h("a", { href: `${JOBS}?state=${state}` }, h("strong", {}, count(counts[state] ?? 0)), ` ${word}`)),
    ),
  );
}

function pauses({ paused }, takenAt) {
  return Object.entries(paused).map(([kind, since]) =>
    h(
      "p",
      { class: "state warn", "data-key": `paused-${kind}` },
      kind === "*" ? "All jobs are paused" : `Jobs of kind ${kind} are paused`,
      " since ",
      ago(since, takenAt),
      ". ",
      button("resume", "Resume", kind, { about: kind === "*" ? "all kinds" : kind }),
    ),
  );
}

function kinds({ kinds: all, paused }) {
  const columns = [
    ["Kind", ""],
    ["Waiting", "For the first attempt.", true],
    ["Again later", "They failed, and wait for another attempt.", true],
    ["Running", "", true],
    ["Dead", "Their attempts are used up.", true],
    ["Oldest waits", "", true],
    ["", ""],
  ];
  const rows = all.map((one) => ({
    key: one.kind,
    cells: [
      h("a", { href: `${JOBS}?kind=${encodeURIComponent(one.kind)}` }, one.kind),
      count(one.waiting),
      count(one.retrying),
      count(one.running),
      count(one.dead),
      duration(one.oldestMs),
      h(
        "span",
        { class: "buttons" },
        one.dead > 0 && button("retry-all", "Retry dead…", one.kind, { about: `of ${one.kind}` }),
        one.dead > 0 && button("discard-all", "Discard dead…", one.kind, { about: `of ${one.kind}`, quiet: true }),
        !(one.kind in paused || "*" in paused) && button("pause", "Pause…", one.kind, { about: one.kind, quiet: true }),
      ),
    ],
  }));
  return table("Jobs by kind", columns, rows, "No jobs yet.");
}

function failed({ failed: jobs }, takenAt) {
  if (!jobs.length) return h("p", { class: "none" }, "No job is dead.");
  const columns = [
    ["Dead job", "Its number in the queue's list."],
    ["Kind", ""],
    ["Error", "The last attempt's."],
    ["Attempts", "", true],
    ["When", "", true],
    ["", ""],
  ];
  const rows = jobs.map((job) => ({
    key: job.id,
    cells: [
      h("a", { href: `${JOBS}/${encodeURIComponent(job.id)}` }, h("code", {}, job.id.slice(-8))),
      job.kind,
      job.error || "–",
      count(job.attempts),
      ago(job.at, takenAt),
      h(
        "span",
        { class: "buttons" },
        button("retry", "Retry", job.id, { about: `job ${job.id.slice(-8)}` }),
        button("discard", "Discard…", job.id, { about: `job ${job.id.slice(-8)}`, quiet: true }),
      ),
    ],
  }));
  return table("Dead jobs, the newest first", columns, rows, "");
}

export function showActors({ actors }) {
  const lines = actors.flatMap((one) => linesOf(one, 0));
  heading("actors", lines.filter(({ state }) => state !== "running").length, "not running");
  const columns = [
    ["Actor", "A part of the server that handles one message at a time. Its group restarts it."],
    ["State", ""],
    ["Mailbox", "Messages that wait.", true],
    ["Oldest", "The time for which the oldest message has been seen to wait, or to be handled.", true],
    ["Crashes", "Unexpected errors since the start.", true],
    ["Restarts", "New starts after a crash, by its group or by hand.", true],
    ["Last error", "Its type and place in the program, without text of people."],
    ["", ""],
  ];
  const rows = lines.map((one) => ({
    key: one.path,
    depth: one.depth,
    state: one.state !== "running" ? "warn-row" : one.depth ? "" : "group-row",
    cells: [
      explained(one.name, one.kind === one.name || one.kind === "supervisor" ? "" : one.kind),
      one.words ?? one.state.replace("_", " "),
      count(one.mailbox),
      duration(one.oldestMs),
      count(one.crashes),
      count(one.restarts),
      one.lastError || "–",
      one.canRestart ? button("restart", "Restart…", one.path, { about: one.name, quiet: true }) || "" : "",
    ],
  }));
  fill(byId("actors-body"), table("Actors", columns, rows, "None."));
}

function linesOf(one, depth) {
  return [{ ...one, depth, name: one.path.split("/").pop() }, ...(one.children ?? []).flatMap((child) => linesOf(child, depth + 1))];
}

export function showWebhooks({ webhooks }) {
  heading("webhooks", webhooks.length, "kept");
  const columns = [
    ["Received", "The time by this machine; it leads to the whole webhook."],
    ["Fate", "What became of it."],
    ["Kind", ""],
    ["Wearer", "A short name made from the wearer's key; the key itself is not shown."],
    ["Status", "", true],
    ["Took", "", true],
    ["Bytes", "", true],
    ["Stages", "The request's stages and log lines."],
  ];
  const rows = webhooks.map((one) => ({
    key: one.id,
    state: one.reason ? "warn-row" : "",
    cells: [
      h("a", { href: `${place}/webhooks/${encodeURIComponent(one.id)}` }, h("time", { datetime: one.at, title: one.at }, clock(one.at))),
      one.reason ? `${one.fate}: ${one.reason.replaceAll("_", " ")}` : one.fate,
      one.kind || "–",
      one.wearer || "–",
      String(one.status ?? "–"),
      duration(one.ms),
      count(one.bytes),
      timeline(one.request ?? one.id),
    ],
  }));
  fill(byId("webhooks-body"), table("The latest webhooks", columns, rows, "No webhook has come since the start."));
}

const NODE_STATES = { pass: "well", warn: "needs attention", fail: "fails" };

/** The main figures of each node, and of all. A node that is alone has no such section. */
export function showNodes({ nodes, node }) {
  byId("to-nodes").hidden = byId("nodes").hidden = !nodes.length;
  if (!nodes.length) return;
  const own = nodes.filter((one) => one.node);
  heading("nodes", own.filter((one) => one.silentMs || one.status === "fail").length, "silent or failing");
  if (byId("own-node").textContent !== node) byId("own-node").textContent = node;
  const columns = [
    ["Node", "A process on the database, by its NODE_NAME."],
    ["State", "The worst of its checks, and their names."],
    ["Webhooks", "", true],
    ["p95", "Of replies to webhooks.", true],
    ["Questions", "", true],
    ["To answer", "From the last words to the answer, p95.", true],
    ["Failed", "Failed requests, and questions without an answer.", true],
    ["Sessions", "In memory now.", true],
    ["Commit", "One group commit with its sync, p95.", true],
    ["Loop lag", "The worst of a minute.", true],
    ["Memory", "", true],
    ["Up for", "", true],
    ["Version", ""],
  ];
  const rows = nodes.map((one) => ({
    key: one.node || "all",
    state: !one.node ? "group-row" : one.silentMs || one.status === "fail" ? "warn-row" : "",
    cells: [
      one.node || "all",
      one.node ? stateOf(one) : `${count(one.count)} of ${count(own.length)} report`,
      count(one.webhooks),
      one.node ? duration(one.webhookP95Ms) : "–",
      count(one.questions),
      one.node ? duration(one.answerP95Ms) : "–",
      count(one.failed),
      count(one.sessions),
      one.node ? duration(one.commitP95Ms) : "–",
      one.node ? duration(one.lagMs) : "–",
      `${count(Math.round(one.memoryBytes / 1e6))} MB`,
      one.node ? duration(one.uptimeMs) : "–",
      one.version ?? "–",
    ],
  }));
  fill(byId("nodes-body"), table("Nodes", columns, rows, ""));
}

function stateOf(one) {
  if (one.silentMs) return `silent for ${duration(one.silentMs)}`;
  return one.trouble ? `${NODE_STATES[one.status]}: ${one.trouble.replaceAll("_", " ")}` : NODE_STATES[one.status];
}

/** Small tables: {name: {title, columns, rows, note}}. Those of the first page stand there already. */
export function showTables({ tables }) {
  for (const [name, one] of Object.entries(tables)) {
    const rows = one.rows ?? one;
    const body = document.querySelector(`[data-table="${CSS.escape(name)}"]`);
    if (!body) continue;
    const cells = ([first, ...others]) =>
      h("tr", {}, h("th", { scope: "row" }, String(first)), others.map((cell) => h("td", {}, String(cell))));
    fill(body, (rows.length ? rows : [["none yet"]]).map(cells));
  }
}

/** Set the number beside a section's heading, and show the section. */
function heading(name, number, words) {
  const section = byId(name);
  section.hidden = false;
  const badge = section.querySelector(".badge");
  const text = number ? `${count(number)} ${words}` : "";
  if (badge.textContent !== text) badge.textContent = text;
}
