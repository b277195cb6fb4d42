// Activity by day as a picture, with a table that says the same; counts, and which models answered.
import { get } from "./api.js";
import { h, s } from "./dom.js";

const NAMES = { conversations: "Conversations", messages: "Questions and answers", memories: "Memories", sessions: "Signed-in devices", windows: "Windows" };
const WIDTH = 640, HEIGHT = 180, FOOT = 22, LEFT = 34;

// A round number that is not below the largest.
function ceiling(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((one) => one >= most && one >= 4) ?? 10 * power;
}

function picture(days) {
  const top = ceiling(Math.max(...days.map((one) => one.count)));
  const step = (WIDTH - LEFT) / days.length;
  const y = (count) => (HEIGHT - FOOT) * (1 - count / top) + 6;
  const label = (date) => new Date(`${date}T12:00`).toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const busiest = days.reduce((best, one) => (one.count > best.count ? one : best));
  const title = `Messages by day. The most were ${busiest.count}, on ${label(busiest.date)}.`;
  return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 6}`, role: "img", "aria-label": title, class: "chart" },
    [0, top / 2, top].map((value) => [s("line", { x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value), class: "grid" }), s("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value))]),
    days.map((one, at) => s("rect", { x: LEFT + at * step + step * 0.15, width: step * 0.7, y: y(one.count), height: y(0) - y(one.count), rx: 2, class: "bar" }, s("title", {}, `${label(one.date)}: ${one.count}`))),
    days.map((one, at) => (days.length - 1 - at) % 7 === 0 && s("text", { x: LEFT + (at + 0.5) * step, y: HEIGHT + 4, "text-anchor": at === days.length - 1 ? "end" : "middle" }, label(one.date))));
}

const table = (columns, rows) => h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": columns.join(", ") }, h("table", {},
  h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
  h("tbody", {}, rows.map(([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, first), others.map((one) => h("td", {}, String(one))))))));

export async function show({ signal }) {
  const { overall, dailyStats: days, modelUse } = await get("/stats", { signal });
  const total = days.reduce((sum, one) => sum + one.count, 0);
  return [h("h1", {}, "Activity"),
    h("section", { class: "card", "aria-labelledby": "days" }, h("h2", { id: "days" }, "The last 30 days"),
      total ? picture(days) : h("p", { class: "quiet" }, "Nothing was asked in these days."),
      h("details", {}, h("summary", {}, "The same as a table"), table(["Day", "Messages"], [...days].reverse().map((one) => [one.date, one.count])))),
    h("section", { "aria-labelledby": "counts" }, h("h2", { id: "counts" }, "In all"),
      h("dl", { class: "tiles" }, Object.entries(overall).filter(([, value]) => typeof value === "number").map(([name, value]) => h("div", { class: "card" }, h("dt", {}, NAMES[name] ?? name.replace(/([A-Z_])/g, " $1").replace(/_/g, "").toLowerCase()), h("dd", {}, value.toLocaleString()))))),
    h("section", { "aria-labelledby": "models" }, h("h2", { id: "models" }, "Who answered"),
      modelUse.models.length ? table(["Model", "Answers in 30 days"], modelUse.models.map((one) => [one.model, one.answers])) : h("p", { class: "quiet" }, "There were no answers."),
      h("p", { class: "quiet" }, `Tokens of models used today (UTC): ${modelUse.tokensToday.toLocaleString()}.`))];
}
