// Elements of the page: making them, changing those that stand there, and words for figures.

const SVG = "http://www.w3.org/2000/svg";
const SVG_NAMES = new Set(["svg", "path", "line", "rect", "text", "g", "title", "circle"]);

export const byId = (id) => document.getElementById(id);

/** Make an element. Every child is text, never markup; nothing and false are left out. */
export function h(name, attributes = {}, ...children) {
  const made = SVG_NAMES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** Change the children of an element into others, and keep what is equal: focus, selection and folds survive. */
export function fill(parent, ...children) {
  const made = document.createElement("div");
  made.append(...children.flat().filter(Boolean));
  changeChildren(parent, made);
}

function change(old, made) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!made.hasAttribute(name) && name !== "open") old.removeAttribute(name); // a person opens and shuts
  }
  for (const { name, value } of made.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  changeChildren(old, made);
}

function changeChildren(old, made) {
  const keyed = new Map();
  for (const child of old.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let place = old.firstChild;
  for (const next of [...made.childNodes]) {
    const key = next.dataset?.key;
    const same = key ? keyed.get(key) : place;
    if (same && same.nodeName === next.nodeName && (same.dataset?.key ?? "") === (key ?? "")) {
      if (same !== place) old.insertBefore(same, place);
      change(same, next);
      place = same.nextSibling;
    } else {
      old.insertBefore(next, place);
    }
  }
  while (place) {
    const following = place.nextSibling;
    place.remove();
    place = following;
  }
}

/** A word with an explanation, which is shown on hover, focus and tap. */
export function explained(word, explanation) {
  if (!explanation) return word;
  return h("span", { class: "explained", tabindex: "0" }, word, h("span", { class: "explanation" }, ` ${explanation}`));
}

/** A table. Columns are [label, explanation, is a number]; rows are {key, cells, depth, state}. */
export function table(caption, columns, rows, none) {
  const row = ({ key, cells, depth, state }) =>
    h(
      "tr",
      { "data-key": key, class: state },
      cells.map((cell, at) =>
        at === 0
          ? h("th", { scope: "row", class: depth ? `depth-${depth}` : undefined }, cell)
          : h("td", { "data-label": columns[at][0], class: columns[at][2] ? "number" : undefined }, cell),
      ),
    );
  if (!rows.length) return h("p", { class: "none" }, none);
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "rows" },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map(([label, tip, isNumber]) =>
            h("th", { scope: "col", class: isNumber ? "number" : undefined }, explained(label, tip)),
          ),
        ),
      ),
      h("tbody", {}, rows.map(row)),
    ),
  );
}

export const count = (number) => (number === null || number === undefined ? "–" : number.toLocaleString("en"));

/** Milliseconds in words: 340 ms, 2.1 s, 3 min, 2 h, 4 days. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 100) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}

/** A time of the server (ISO 8601, or UTC seconds) as an element that says how long ago it was. */
export function ago(time, nowIso) {
  if (!time) return "–";
  const iso = typeof time === "number" ? new Date(time * 1000).toISOString() : time;
  const ms = Date.parse(nowIso) - Date.parse(iso);
  const words = ms < 1000 ? "now" : `${duration(ms)} ago`;
  return h("time", { datetime: iso, title: iso }, words);
}

export const clock = (iso) => (iso ? new Date(iso).toLocaleTimeString("en-GB") : "–");
