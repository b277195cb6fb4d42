// Updates the page from its data. Without JavaScript the page reloads itself.
"use strict";

const page = document.body.dataset;
const byId = (id) => document.getElementById(id);
let isPaused = false;

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text; // text, never markup
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function rowOf([first, ...cells]) {
  const row = document.createElement("tr");
  row.append(element("th", first, { scope: "row" }), ...cells.map((cell) => element("td", cell)));
  return row;
}

function troubleOf(cause) {
  const item = element("li", "", cause.status ? { class: cause.status } : {});
  if (cause.what) item.append(element("strong", cause.what), " ");
  item.append([cause.do, ...(cause.consequences ?? [])].join(" "));
  return item;
}

function headlineOf(headline) {
  const card = document.createElement("div");
  card.append(
    element("dt", headline.label),
    element("dd", headline.value, { class: "value" }),
    element("dd", headline.note, { class: "quiet" }),
  );
  return card;
}

function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text; // a screen reader announces every change
}

function show(data) {
  setText("state", data.state);
  byId("state").className = `state ${data.status}`;
  document.title = `${data.state}: Omi Actors Metrics Dashboard`;
  setText("taken", data.taken);
  byId("taken").setAttribute("datetime", data.takenAt);
  setText("freshness", "");
  const troubles = data.causes.length ? data.causes : [{ what: "", do: data.nothingWrong }];
  byId("troubles").replaceChildren(...troubles.map(troubleOf));
  byId("checks").replaceChildren(
    ...data.checks.map(([name, status]) => element("li", `${name}: ${status}`, { class: `state ${status}` })),
  );
  byId("headlines").replaceChildren(...data.tiles.map(headlineOf));
  for (const [name, { rows }] of Object.entries(data.tables)) {
    const body = document.querySelector(`[data-table="${name}"]`);
    if (body) body.replaceChildren(...(rows.length ? rows : [["none yet"]]).map(rowOf));
  }
}

async function update() {
  try {
    const reply = await fetch(page.source, { cache: "no-store", credentials: "same-origin" });
    if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
    show(await reply.json());
  } catch (error) {
    setText("freshness", `Not up to date: ${error.message}.`);
  }
}

async function updateForever() {
  if (!isPaused && !document.hidden) await update();
  setTimeout(updateForever, Number(page.everyMs));
}

byId("pause").hidden = false;
byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  byId("pause").textContent = isPaused ? "Resume updates" : "Pause updates";
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !isPaused) update();
});
setTimeout(updateForever, Number(page.everyMs));
