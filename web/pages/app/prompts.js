// Prompts: a person's own, which are made, tried, changed, chosen for a space, and run; and the server's.
import { del, get, patch, post } from "./api.js";
import { announce, confirm, h, moment, said } from "./dom.js";
import { attempt } from "./keep.js";

const KINDS = { text: "is shown", memory: "becomes a memory", task: "becomes a task" };
const variablesOf = (text) => [...new Set([...text.matchAll(/\{([A-Za-z_]\w{0,63})\}/g)].map((found) => found[1]))];

function choice(label, options, chosen) {
  const select = h("select", {}, options.map(([value, word]) => h("option", { value, selected: value === chosen }, word)));
  return [select, h("p", {}, h("label", {}, label, h("br"), select))];
}

// A form that asks for the values of the variables, and shows what the model made of them.
function runner(variables, send) {
  const fields = variables.map((name) => [name, h("textarea", { rows: 2, "aria-label": name, placeholder: name, dir: "auto" })]);
  const output = h("p", { class: "text", role: "status", dir: "auto" });
  const button = h("button", { class: "main" }, "Run");
  async function run(event) {
    event.preventDefault();
    button.disabled = true;
    output.textContent = "…";
    const done = await attempt(() => send(Object.fromEntries(fields.map(([name, field]) => [name, field.value]))));
    button.disabled = false;
    output.textContent = done ? done.output : "";
    if (done?.memory || done?.task_id) announce(done.memory ? "The output is kept as a memory." : "The output is kept as a task.");
  }
  return h("form", { onsubmit: run }, fields.map(([, field]) => field), h("p", { class: "row" }, button), output);
}

export async function show({ signal }) {
  const [{ items }, { spaces }] = await Promise.all([get("/prompts", { signal }), get("/spaces", { signal })]);
  const list = h("ul", { class: "rows" });
  const again = async () => list.replaceChildren(...(await get("/prompts", { signal })).items.map(row));

  function editor(prompt, send, cancel) {
    const name = h("input", { value: prompt.name, maxlength: 64, pattern: "[a-z0-9][a-z0-9_\\-]*", required: true, "aria-label": "Name", title: "Small letters, digits, - and _", placeholder: "A short name, such as: weekly", autocapitalize: "none", autocomplete: "off" });
    const text = h("textarea", { rows: 4, maxlength: 4000, value: prompt.text, required: true, "aria-label": "Text", placeholder: "Say this in one sentence: {what}", dir: "auto" });
    const [kind, kinds] = choice("The output", Object.entries(KINDS), prompt.outputType);
    const [space, places] = choice("Answers that follow it", [["", "none"], ...spaces.map((one) => [one, `those in ${one}`])], prompt.space ?? "");
    const trial = h("div");
    async function save(event) {
      event.preventDefault();
      const form = { name: name.value, text: text.value, output_type: kind.value, space: space.value || null };
      if (await attempt(() => send(form), "The prompt is saved.")) await attempt(again);
    }
    const tryIt = () => text.reportValidity() && trial.replaceChildren(runner(variablesOf(text.value), (variables) => post("/prompts/try", { text: text.value, variables })));
    return [h("form", { onsubmit: save }, name, text, kinds, places, h("p", { class: "row" }, h("button", { class: "main" }, "Save"), h("button", { type: "button", onclick: tryIt }, "Try it"), cancel && h("button", { type: "button", onclick: cancel }, "Cancel"))), trial];
  }

  function row(prompt) {
    const item = h("li", { class: "item" });
    const isOwn = prompt.source === "own";
    const use = (label, onclick, kind = "plain") => h("button", { class: kind, onclick }, label);
    const state = [`the output ${KINDS[prompt.outputType]}`, prompt.space && `for answers in ${prompt.space}`, isOwn ? `version ${prompt.version}` : "of this server"].filter(Boolean).join(", ");
    const rest = () => item.replaceChildren(h("h2", {}, prompt.name), h("p", { class: "text" }, said(prompt.about || prompt.text)), h("p", { class: "quiet" }, state),
      h("p", { class: "row" }, use("Run", run), use(isOwn ? "Edit" : "Make my own", edit), isOwn && use("Versions", versions), isOwn && use("Delete", erase, "plain danger")), place);
    const place = h("div");
    const run = () => place.replaceChildren(runner(prompt.variables, (variables) => post("/prompts/run", { prompt_id: prompt.id, variables })));
    const edit = () => item.replaceChildren(h("h2", {}, prompt.name), ...editor(prompt, (form) => (isOwn ? patch(`/prompts/${prompt.id}`, form) : post("/prompts", form)), rest));
    async function versions() {
      const found = await attempt(() => get(`/prompts/${prompt.id}/versions`, { signal }));
      if (!found) return;
      const back = async (number) => { if (await attempt(() => patch(`/prompts/${prompt.id}`, { version: number }), "The earlier text is used again.")) await attempt(again); };
      place.replaceChildren(h("ol", { class: "rows", reversed: true }, found.items.map((one) => h("li", { class: "item" }, h("p", { class: "text" }, said(one.text)), h("p", { class: "row" }, h("span", { class: "quiet" }, `version ${one.number}, `, moment(one.createdAt)), one.number !== prompt.version && use("Use again", () => back(one.number)))))));
    }
    async function erase() {
      if (!(await confirm({ title: "Delete this prompt?", text: "Its versions go, too, and no answer follows it any more.", button: "Delete" }))) return;
      if (await attempt(() => del(`/prompts/${prompt.id}`), "The prompt is deleted.")) await attempt(again);
    }
    rest();
    return item;
  }

  const create = h("div", { class: "card" });
  const blank = () => create.replaceChildren(...editor({ name: "", text: "", outputType: "text" }, async (form) => { const made = await post("/prompts", form); blank(); return made; }));
  blank();
  list.append(...items.map(row));
  return [h("h1", {}, "Prompts"), h("p", { class: "quiet" }, "A text with variables in braces, for the model. One that is chosen for a space stands in the instructions of its answers."), create, list];
}
