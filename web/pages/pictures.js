// Pictures of figures over time, drawn as SVG. Each has a table with the same figures.

import { byId, count, duration, fill, h, table } from "./page.js";

const SPARK = { width: 120, height: 28 };
const LANE = { width: 960, height: 44 };
const BUCKETS = 240; // points of a lane, at most
const HOUR_MS = 3_600_000;

/** A series as a line in steps and the area below it; with gaps where nothing was measured. */
function stepsOf(series, { width, height }, top) {
  const step = width / series.length;
  let line = "";
  let area = "";
  series.forEach((value, at) => {
    const isGap = value === null || value === undefined;
    const isFirst = at === 0 || series[at - 1] === null || series[at - 1] === undefined;
    const x = (at * step).toFixed(1);
    if (isGap) {
      if (!isFirst) area += `V${height}Z`;
      return;
    }
    const y = (height - 1 - (Math.max(0, value) / top) * (height - 4)).toFixed(1);
    const end = ((at + 1) * step).toFixed(1);
    line += isFirst ? `M${x} ${y}H${end}` : `V${y}H${end}`;
    area += isFirst ? `M${x} ${height}V${y}H${end}` : `V${y}H${end}`;
    if (at === series.length - 1) area += `V${height}Z`;
  });
  return [h("path", { class: "area", d: area }), h("path", { class: "line", d: line })];
}

const numbers = (series) => series.filter((value) => value !== null && value !== undefined);
const highest = (series) => Math.max(0, ...numbers(series));

/** A small line of the last hour, from zero. It is hidden from screen readers: the table of the hour has its figures. */
export function sparkline(series) {
  if (!series || !numbers(series).some((value) => value > 0)) return h("span", { class: "spark" });
  const { width, height } = SPARK;
  const shape = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return h("svg", { class: "spark", ...shape }, stepsOf(series, SPARK, highest(series)));
}

const sum = (values) => (values.length ? values.reduce((one, other) => one + other, 0) : null);
const most = (values) => (values.length ? Math.max(...values) : null);

// The lanes of the day: a name, the figures that are added up, and how minutes are joined and written.
const LANES = [
  { name: "Requests", of: ["requests"], join: sum, write: count },
  { name: "Webhooks not stored", of: ["dropped", "refused", "cut"], join: sum, write: count, isBad: true },
  { name: "Questions without an answer", of: ["unanswered"], join: sum, write: count, isBad: true },
  { name: "Failed requests (5xx)", of: ["failed"], join: sum, write: count, isBad: true },
  { name: "Crashes of actors", of: ["crashes"], join: sum, write: count, isBad: true },
  { name: "Time to answer, p95", of: ["answer_p95"], join: most, write: (s) => duration(s * 1000) },
  { name: "Webhook's reply, p95", of: ["webhook_p95"], join: most, write: (s) => duration(s * 1000) },
  { name: "Jobs that wait", of: ["jobs_waiting"], join: most, write: count },
];

/** Join minutes into `parts` equal stretches of time; null where no server ran or nothing was measured. */
function joined(minutes, { of, join }, from, to, parts) {
  const found = Array.from({ length: parts }, () => []);
  const columns = of.map((name) => minutes[name]).filter(Boolean);
  minutes.at.forEach((at, row) => {
    const part = Math.floor(((at * 1000 - from) / (to - from)) * parts);
    if (part < 0 || part >= parts) return;
    const values = numbers(columns.map((column) => column[row]));
    if (values.length) found[part].push(sum(values));
  });
  return found.map(join);
}

const hourOf = (ms) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

function lane(one, series, marks) {
  const { width, height } = LANE;
  const top = highest(series);
  const written = numbers(series).length ? one.write(top) : "–";
  return h(
    "div",
    { class: `lane ${one.isBad && top > 0 ? "bad" : ""}`, "data-key": one.name },
    h("span", { class: "lane-name" }, one.name, h("span", { class: "quiet" }, ` most: ${written}`)),
    h(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      marks.map(({ x, isCause }) => h("line", { class: isCause ? "mark" : "grid", x1: x, x2: x, y1: 0, y2: height })),
      h("line", { class: "grid", x1: 0, x2: width, y1: height - 1, y2: height - 1 }),
      top > 0 && stepsOf(series, LANE, top),
    ),
  );
}

/** Show the last 24 hours, or less if there is less; `causes` mark when they began. */
export function showDay(minutes, { causes, takenAt }) {
  const to = Date.parse(takenAt);
  if (!minutes.at?.length) return;
  const span = Math.min(24, Math.max(1, Math.ceil((to - minutes.at[0] * 1000) / HOUR_MS))) * HOUR_MS;
  const from = to - span;
  const parts = Math.min(BUCKETS, span / 60_000);
  const every = span / (span > HOUR_MS ? Math.min(8, span / HOUR_MS) : 6);
  const xOf = (ms) => (((ms - from) / span) * LANE.width).toFixed(1);
  const ticks = Array.from({ length: Math.round(span / every) + 1 }, (_, at) => from + at * every);
  const began = causes.map(({ since }) => since * 1000).filter((ms) => ms > from);
  const marks = [...ticks.map((ms) => ({ x: xOf(ms) })), ...began.map((ms) => ({ x: xOf(ms), isCause: true }))];
  const shown = LANES.filter(({ of }) => of.some((name) => minutes[name]));
  byId("day").hidden = false;
  fill(
    byId("day-body"),
    h("p", { class: "quiet" }, `The last ${span === HOUR_MS ? "hour" : `${span / HOUR_MS} hours`}, also before a restart.`, began.length > 0 && " A dashed line is the begin of a cause named above."),
    shown.map((one) => lane(one, joined(minutes, one, from, to, parts), marks)),
    h("div", { class: "ticks", "aria-hidden": "true" }, ticks.map((ms) => h("span", {}, hourOf(ms)))),
    h("details", { "data-key": "table" }, h("summary", {}, "The same as a table"), dayTable(minutes, shown, from, to, span)),
  );
}

/** The same figures in rows: by hours, or by five minutes if there is only one hour. */
function dayTable(minutes, lanes, from, to, span) {
  const parts = span > HOUR_MS ? span / HOUR_MS : 12;
  const columns = [["From", ""], ...lanes.map(({ name }) => [name, "", true])];
  const series = lanes.map((one) => joined(minutes, one, from, to, parts));
  const rows = Array.from({ length: parts }, (_, at) => ({
    key: String(at),
    cells: [hourOf(from + (at * span) / parts), ...lanes.map(({ write }, which) => (series[which][at] === null ? "–" : write(series[which][at])))],
  }));
  return table("Figures over time", columns, rows.reverse(), "");
}

/** The last hour of all tiles as a table, by minutes; made when it is opened. */
export function hourTable(tiles, takenAt) {
  const shown = tiles.filter(({ series }) => series?.length);
  const length = Math.max(0, ...shown.map(({ series }) => series.length));
  const columns = [["Minutes ago", ""], ...shown.map(({ label, unit }) => [unit ? `${label}, ${unit}` : label, "", true])];
  const rows = Array.from({ length }, (_, ago) => ({
    key: String(ago),
    cells: [String(ago + 1), ...shown.map(({ series }) => count(series.at(-1 - ago)))],
  }));
  return table(`The last hour by minutes, as of ${takenAt}`, columns, rows, "");
}
