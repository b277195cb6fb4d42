// The operator's actions: each is confirmed in a dialog that says how much it changes, then sent to the server.

import { byId, count } from "./page.js";

async function post(path, body = {}, method = "POST") {
  const reply = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: method === "POST" ? JSON.stringify(body) : undefined,
  });
  const said = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(said.error ?? `The server answered ${reply.status}.`);
  return said;
}

/** Ask in a dialog. Resolves to true for yes. */
function confirmed(question, effect, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = question;
  byId("confirm-effect").textContent = effect;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const job = (id) => `/operator/queue/jobs/${encodeURIComponent(id)}`;

/** Count the dead jobs of a kind first; the server changes only as many as were confirmed. */
async function changeAll(word, kind, effect) {
  const chosen = { kind, state: "dead" };
  const { count: number, confirm } = await post(`/operator/queue/${word.toLowerCase()}`, chosen);
  if (!number) return "No such job is left.";
  if (!(await confirmed(`${word} ${count(number)} dead ${number === 1 ? "job" : "jobs"} of kind ${kind}?`, effect, word))) return "";
  const done = await post(`/operator/queue/${word.toLowerCase()}`, { ...chosen, confirm });
  return `${word === "Retry" ? "Retried" : "Discarded"}: ${count(done.retried ?? done.discarded)} jobs of kind ${kind}.`;
}

const RETRIED = "They run again, oldest first, with fresh attempts.";
const DISCARDED = "They will never run. Askers of open questions are told that there is no answer. This cannot be undone.";

const ACTIONS = {
  retry: async (id) => {
    await post(`${job(id)}/retry`);
    return `Job ${id.slice(-8)} runs again.`;
  },
  discard: async (id) => {
    if (!(await confirmed(`Discard job ${id.slice(-8)}?`, DISCARDED.replace("They", "It"), "Discard"))) return "";
    await post(job(id), {}, "DELETE");
    return `Job ${id.slice(-8)} is discarded.`;
  },
  "retry-all": (kind) => changeAll("Retry", kind, RETRIED),
  "discard-all": (kind) => changeAll("Discard", kind, DISCARDED),
  pause: async (kind) => {
    const effect = "Running ones end; no other begins, on any node, until you resume the kind. A restart does not end a pause.";
    if (!(await confirmed(`Pause jobs of kind ${kind}?`, effect, "Pause"))) return "";
    await post("/operator/queue/pause", { kind });
    return `Jobs of kind ${kind} are paused.`;
  },
  resume: async (kind) => {
    await post("/operator/queue/resume", kind === "*" ? {} : { kind });
    return kind === "*" ? "All kinds run again." : `Jobs of kind ${kind} run again.`;
  },
  restart: async (path) => {
    const name = path.split("/").pop();
    const effect = "It ends after the message that it handles, and starts anew. Waiting messages stay. Some actors restart with their whole group.";
    if (!(await confirmed(`Restart ${name}?`, effect, "Restart"))) return "";
    const { place, query } = document.body.dataset;
    await post(`${place}/actors/restart${query ?? ""}`, { path });
    return `${name} is started anew.`;
  },
};

function tell(text) {
  const note = byId("told");
  note.textContent = text;
  note.hidden = !text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => {
    note.hidden = true;
  }, 8000);
}

document.addEventListener("click", async ({ target }) => {
  const pressed = target.closest?.("button[data-act]");
  if (!pressed || pressed.getAttribute("aria-disabled")) return;
  pressed.setAttribute("aria-disabled", "true"); // the next document makes the button anew
  try {
    tell(await ACTIONS[pressed.dataset.act](pressed.dataset.target));
  } catch (error) {
    tell(`Not done. ${error.message}`);
  } finally {
    pressed.removeAttribute("aria-disabled");
  }
});
