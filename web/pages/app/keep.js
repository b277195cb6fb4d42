// Memories and tasks: lists that the person reads, adds to, changes and clears.
import { del, get, id, patch, post, words } from "./api.js";
import { announce, confirm, h, icon, marked, moment, said } from "./dom.js";

const PAGE = 50;

// A list that loads page by page; `row` makes the element of an item, `address` the address of a page after a cursor.
function pages({ address, row, empty, signal }) {
  const list = h("ul", { class: "rows" });
  const state = h("p", { class: "quiet", role: "status" });
  let cursor = null;
  async function load() {
    const { items, nextCursor } = await get(address(cursor), { signal });
    if (cursor === null) list.replaceChildren();
    list.append(...items.map(row));
    cursor = nextCursor;
    state.replaceChildren(...(nextCursor ? [h("button", { onclick: further }, "Show more")] : []), list.childElementCount ? "" : empty());
  }
  const further = () => load().catch((error) => { if (!signal.aborted) state.replaceChildren(words(error), " ", h("button", { onclick: further }, "Try again")); });
  return { list, state, load, again: () => { cursor = null; return further(); } };
}

// Does something; says the sentence afterwards, or why it failed.
export async function attempt(action, sentence) {
  try {
    const result = await action();
    if (sentence) announce(sentence);
    return result ?? true;
  } catch (error) {
    announce(words(error));
    return null;
  }
}

export async function memories({ app, query, signal }) {
  const text = h("textarea", { rows: 2, maxlength: 10000, required: true, "aria-label": "New memory", placeholder: "Something to remember, such as: my bike has 28 inch wheels", dir: "auto" });
  const box = h("input", { type: "search", value: query.get("q") ?? "", maxlength: 200, placeholder: "Words in your memories", "aria-label": "Search in memories", dir: "auto", oninput: soon });
  let timer = 0;
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(() => { app.go(box.value ? `memories?q=${id(box.value)}` : "memories", { replace: true }); all.again(); }, 250);
  }
  const all = pages({
    signal, row,
    address: (cursor) => `/memories?limit=${PAGE}&search=${id(box.value.trim())}${cursor ? `&cursor=${id(cursor)}` : ""}`,
    empty: () => (box.value ? "No memory has these words." : "There are no memories yet. Write one above; conversations of your Omi become memories, too."),
  });

  function row(memory) {
    const item = h("li", { class: "item" });
    const show = () => item.replaceChildren(h("p", { class: "text" }, marked(memory.text, box.value)), h("p", { class: "row" }, h("span", { class: "quiet" }, moment(memory.createdAt)),
      h("button", { class: "plain", onclick: edit }, "Edit"), h("button", { class: "plain danger", onclick: erase }, "Delete")));
    function edit() {
      const area = h("textarea", { rows: 3, maxlength: 10000, required: true, value: memory.text, "aria-label": "Memory", dir: "auto" });
      const save = async (event) => {
        event.preventDefault();
        const done = await attempt(() => patch(`/memories/${memory.id}`, { text: area.value }), "The memory is changed.");
        if (done) { memory = done.memory; show(); }
      };
      item.replaceChildren(h("form", { onsubmit: save }, area, h("p", { class: "row" }, h("button", { class: "main" }, "Save"), h("button", { type: "button", onclick: show }, "Cancel"))));
      area.focus();
    }
    async function erase() {
      if (!(await confirm({ title: "Delete this memory?", text: "It is removed, and no answer uses it any more.", button: "Delete" }))) return;
      if (await attempt(() => del(`/memories/${memory.id}`), "The memory is deleted.")) item.remove();
    }
    show();
    return item;
  }

  async function add(event) {
    event.preventDefault();
    const done = await attempt(() => post("/memories", { text: text.value }));
    if (!done) return;
    announce(done.deduped ? "This memory is there already." : "It is remembered.");
    if (!done.deduped) all.list.prepend(row(done.memory));
    all.state.textContent = "";
    text.value = "";
  }

  async function bring(event) {
    event.target.disabled = true;
    const done = await attempt(() => post("/memories/import/omi", {}));
    event.target.disabled = false;
    if (!done) return;
    announce(`${done.imported} new memories came from Omi.`);
    all.again();
  }

  await all.load();
  return [h("h1", {}, "Memories"), h("p", { class: "quiet" }, "Answers can use them: switch “Use my memories” on where you type."),
    h("form", { class: "card", onsubmit: add }, text, h("p", { class: "row" }, h("button", { class: "main" }, "Remember"), app.links.length > 0 && h("button", { type: "button", onclick: bring }, "Bring memories from Omi"))),
    h("p", { class: "search" }, icon("search"), box), all.list, all.state];
}

// A task is an event of any kind with a payload; its words stand under one of these names.
const textOf = (task) => [task.payload?.text, task.payload?.title, task.payload?.description].find((one) => typeof one === "string" && one) ?? task.type;

export async function tasks({ signal }) {
  const text = h("input", { maxlength: 500, required: true, "aria-label": "New task", placeholder: "Something to do", dir: "auto" });
  const all = pages({ signal, row, address: (cursor) => `/agent-events?limit=${PAGE}${cursor ? `&cursor=${id(cursor)}` : ""}`, empty: () => "There is nothing to do." });

  function row(task) {
    const item = h("li", { class: "item task" });
    const show = () => {
      const isDone = task.payload?.done === true;
      const box = h("input", { type: "checkbox", checked: isDone, disabled: isDone, onchange: complete });
      item.classList.toggle("done", isDone);
      item.replaceChildren(h("label", { class: "check" }, box, " ", said(textOf(task))), h("span", { class: "quiet" }, isDone && task.payload.completedAt ? ["done ", moment(task.payload.completedAt)] : moment(task.createdAt)));
    };
    async function complete(event) {
      const done = await attempt(() => patch(`/agent-events/${task.id}/complete`, {}), "The task is done.");
      if (done) { task = done.event; show(); } else event.target.checked = false;
    }
    show();
    return item;
  }

  async function add(event) {
    event.preventDefault();
    const done = await attempt(() => post("/agent-events", { type: "task", payload: { text: text.value } }), "The task is noted.");
    if (!done) return;
    all.list.prepend(row(done.event));
    all.state.textContent = "";
    text.value = "";
  }

  await all.load();
  return [h("h1", {}, "Tasks"), h("form", { class: "row ask", onsubmit: add }, text, h("button", { class: "main" }, "Add")), all.list, all.state];
}
