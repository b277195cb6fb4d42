// Pictures of figures over time, drawn as SVG. Each has a table with the same figures.

import { h } from "./page.js";

const SPARK_W = 120;
const SPARK_H = 28;

/** Points of a series as a path; gaps where nothing was measured. */
function pathOf(series, width, height, most) {
  const step = width / Math.max(1, series.length - 1);
  let isDown = false;
  let path = "";
  series.forEach((value, at) => {
    if (value === null || value === undefined) {
      isDown = false;
      return;
    }
    const y = height - 1 - (Math.max(0, value) / most) * (height - 3);
    path += `${isDown ? "L" : "M"}${(at * step).toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  });
  return path;
}

const highest = (series) => Math.max(0, ...series.filter((value) => value !== null && value !== undefined));

/** A small line of the last hour. It is decoration for a screen reader: the table of the hour has its figures. */
export function sparkline(series) {
  if (!series || series.filter((value) => value !== null).length < 2) return h("span", { class: "spark" });
  const most = highest(series) || 1;
  return h(
    "svg",
    { class: "spark", viewBox: `0 0 ${SPARK_W} ${SPARK_H}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    h("path", { class: "line", d: pathOf(series, SPARK_W, SPARK_H, most) }),
  );
}
