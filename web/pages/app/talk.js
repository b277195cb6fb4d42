// A conversation: what was heard, asked and answered; a question is typed below, and its answer comes word by word.
import { Away, del, get, id, patch, post, stream, words } from "./api.js";
import { announce, clip, confirm, dayOf, h, icon, moment, said } from "./dom.js";
import { rows as rowsOf } from "./entries.js";
import { nameOf } from "./history.js";

// Entries that are shown at first, and that each "Show earlier" adds: a day of speech has thousands.
const SHOWN = 200;
const EXAMPLES = ["What did I talk about yesterday?", "Which of my tasks is the most urgent?", "Explain a rainbow in two sentences."];
const SPACES = {
  default: "Everything", todos: "Things to do", memories: "What was said", tasks: "Planning work",
  agent: "Working something out", friends: "Among people", notifications: "In one sentence",
};

// Questions without an answer yet, in this tab: a reload or a lost connection loses none.
const unsent = {
  all: () => JSON.parse(sessionStorage.getItem("unsent") ?? "[]"),
  keep(question) { this.write([...this.all().filter((one) => one.key !== question.key), question]); },
  drop(key) { this.write(this.all().filter((one) => one.key !== key)); },
  write: (list) => sessionStorage.setItem("unsent", JSON.stringify(list)),
};
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export async function show({ app, arg, query, signal }) {
  const guest = !app.me;
  const talk = { id: arg, conversation: null, entries: [], shown: SHOWN, found: null, cursor: null };
  const time = query.get("at");
  // Entries of this tab alone: what was not sent, stopped, or has no answer.
  const isOpen = (one) => one.key && !one.id && talk.entries.some((other) => other.key === one.key && other.problem);
  // Typed conversations come page by page. Those of a wearable come whole, since what was heard is in no page; so does
  // one with a place that was searched for.
  const load = async () => {
    const path = `/conversations/${id(talk.id)}`;
    const [{ conversation }, page] = await Promise.all([get(path, { signal }), get(`${path}/messages?limit=${SHOWN}`, { signal })]);
    talk.conversation = conversation;
    const isWhole = conversation.omiSessionKey || time;
    const latest = isWhole ? (await get(`${path}/export?format=json`, { signal })).entries : page.items.reverse();
    const earlier = isWhole || !latest.length ? [] : talk.entries.filter((one) => one.id && one.createdAt < latest[0].createdAt);
    if (!earlier.length) talk.cursor = isWhole ? null : page.nextCursor;
    talk.entries = [...earlier, ...latest, ...talk.entries.filter((one) => isOpen(one) && !latest.some((known) => known.role === one.role && known.text === one.text))];
    if (time) talk.found = talk.entries.find((one) => one.id === query.get("id")) ?? talk.entries.find((one) => one.createdAt === time && (!query.get("id") || !one.id));
  };
  async function loadEarlier() {
    talk.shown += SHOWN;
    if (talk.cursor) {
      const page = await get(`/conversations/${id(talk.id)}/messages?limit=${SHOWN}&cursor=${id(talk.cursor)}`, { signal }).catch((error) => announce(words(error)));
      if (!page) return;
      talk.cursor = page.nextCursor;
      talk.entries.unshift(...page.items.reverse());
    }
    draw({ stay: true });
  }
  const [spaces] = await Promise.all([guest ? null : get("/spaces", { signal }), talk.id && load()]);
  if (talk.found) talk.shown = Math.max(SHOWN, talk.entries.length - talk.entries.indexOf(talk.found) + 20);
  for (const question of guest ? [] : unsent.all().filter((one) => one.conversation === talk.id)) {
    if (!talk.entries.some((one) => one.role === "USER" && one.text === question.text)) talk.entries.push(...entriesOf(question, "This was not sent yet."));
    else unsent.drop(question.key);
  }

  const rowOf = rowsOf({ talk, app, signal, askAgain, gone });
  const log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": "Conversation" });
  const title = h("h1", {}, "");
  const draft = `draft:${talk.id}`;
  const box = h("textarea", { id: "question", rows: 1, maxlength: app.facts.maxChars, placeholder: "Ask something", "aria-label": "Your question", dir: "auto", oninput: grow, onkeydown: keys });
  const send = h("button", { class: "main round", "aria-label": "Send" }, icon("send"));
  const stop = h("button", { type: "button", class: "round", hidden: true, "aria-label": "Stop the answer", onclick: () => talk.stop?.() }, icon("stop"));
  box.value = sessionStorage.getItem(draft) ?? "";

  function grow() {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight + 2, 240)}px`;
    if (talk.id === arg) sessionStorage.setItem(draft, box.value);
  }

  function keys(event) {
    if (event.key === "Escape") talk.stop?.();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  }

  function submit(event) {
    event?.preventDefault();
    const text = box.value.trim();
    if (!text || talk.stop) return;
    box.value = "";
    grow();
    sessionStorage.removeItem(draft);
    ask({ key: newKey(), text, conversation: talk.id });
  }

  // --- what is shown

  function drawTitle() {
    title.replaceChildren(talk.conversation ? said(nameOf({ ...talk.conversation, lastMessage: talk.entries.at(-1) })) : guest ? "Talk" : "New conversation");
  }

  function draw({ stay = false } = {}) {
    const isAtEnd = scroller().scrollHeight - scroller().scrollTop - scroller().clientHeight < 120;
    const some = talk.entries.slice(-talk.shown);
    const rows = [];
    let day = "";
    for (const [place, entry] of some.entries()) {
      const its = entry.createdAt ? dayOf(entry.createdAt) : day || "Today";
      if (its !== day) rows.push(h("p", { class: "day" }, (day = its)));
      rows.push(rowOf(entry, some[place - 1]));
    }
    if (talk.cursor || talk.entries.length > talk.shown) rows.unshift(h("button", { class: "plain", onclick: loadEarlier }, "Show earlier"));
    log.replaceChildren(...(rows.length ? rows : [greeting()]));
    if (isAtEnd && !stay) toEnd();
  }

  const scroller = () => document.scrollingElement;
  const toEnd = () => scroller().scrollTo({ top: scroller().scrollHeight });

  function greeting() {
    const wake = app.facts.wakeNames[0];
    return h("div", { class: "greeting" }, h("h2", {}, guest || !app.me.displayName ? "What would you like to know?" : ["What would you like to know, ", said(app.me.displayName), "?"]),
      wake && !guest && h("p", { class: "quiet" }, app.links.length ? `Or say “Hey ${wake}” to your wearable, and your question.` : ["Wear an Omi? ", h("a", { href: "#/devices" }, "Link it"), ", and its conversations are here, too."]),
      h("p", { class: "row" }, EXAMPLES.map((text) => h("button", { class: "plain", onclick: () => { box.value = text; grow(); box.focus(); } }, text))));
  }

  function askAgain() {
    const asked = talk.entries.findLast((one) => one.role === "USER");
    if (asked && !talk.stop) ask({ key: newKey(), text: asked.text, conversation: talk.id });
  }

  // An entry was deleted. The focus goes to what stands in its place.
  async function gone(entry) {
    const place = [...log.querySelectorAll(".remove")].findIndex((one) => one === entry.row?.querySelector(".remove"));
    talk.entries = talk.entries.filter((one) => one.id !== entry.id);
    draw({ stay: true });
    ([...log.querySelectorAll(".remove")].slice(0, place + 1).at(-1) ?? box).focus({ preventScroll: true });
    app.recents();
    // A title that was made of its words is gone, too.
    const found = await get(`/conversations/${talk.id}`, { signal }).catch(() => null);
    if (found) talk.conversation = found.conversation;
    drawTitle();
  }

  // --- asking

  function entriesOf(question, problem) {
    const mine = { role: "USER", text: question.text, key: question.key };
    const answer = { role: "ASSISTANT", text: "", key: question.key, problem };
    if (problem) answer.retry = () => again(question, answer);
    return [mine, answer];
  }

  function again(question, answer) {
    talk.entries = talk.entries.filter((one) => one !== answer && !(one.key === question.key && !one.id));
    ask(question);
  }

  async function ask(question) {
    const [mine, answer] = entriesOf(question);
    talk.entries.push(mine, answer);
    answer.isGrowing = true;
    const reader = new AbortController();
    signal.addEventListener("abort", () => reader.abort());
    let isStopped = false;
    talk.stop = () => {
      isStopped = true;
      if (!guest && question.conversation) post("/messages/stop", { conversation_id: question.conversation }, { headers: { "Idempotency-Key": question.key } }).catch(() => {});
      reader.abort();
    };
    send.hidden = true;
    stop.hidden = false;
    draw();
    toEnd();
    try {
      await receive(question, answer, reader.signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isStopped) {
        Object.assign(answer, { problem: "Stopped. This part of an answer is not kept.", isStopped: true });
        unsent.drop(question.key);
      } else fail(question, answer, error);
    }
    answer.isGrowing = false;
    talk.stop = null;
    send.hidden = false;
    stop.hidden = true;
    draw();
    announce(answer.problem ?? `Omi: ${answer.text}`, { isShown: true });
  }

  async function receive(question, answer, reading) {
    if (!guest) await place(question);
    const headers = { "Idempotency-Key": question.key };
    const [path, body] = guest ? ["/chat", { message: question.text }] : ["/messages/send", { text: question.text, conversation_id: question.conversation }];
    for await (const [name, data] of stream(path, body, { headers, signal: reading })) {
      if (name === "delta") {
        answer.text = data.restart ? data.text : answer.text + data.text;
        write(answer);
      } else if (name === "done") {
        Object.assign(answer, { text: data.message ?? data.response, sources: data.sources, createdAt: answer.createdAt ?? new Date().toISOString() });
        unsent.drop(question.key);
        return;
      } else if (name === "error") {
        throw Object.assign(new Error(data.error), { code: data.code, hint: data.code === "no_answer" ? "" : data.hint ?? "" });
      }
    }
    throw new Away();
  }

  // The first question begins the conversation; the address then names it.
  async function place(question) {
    unsent.keep(question);
    if (question.conversation) return;
    const { conversation } = await post("/conversations", { title: clip(question.text.replace(/\s+/g, " "), 60) }, { signal });
    unsent.drop(question.key);
    question.conversation = talk.id = conversation.id;
    talk.conversation = conversation;
    unsent.keep(question);
    if (!signal.aborted) app.go(`talk/${talk.id}`, { replace: true });
    drawTitle();
    drawActions();
    app.recents();
  }

  function fail(question, answer, error) {
    answer.problem = words(error);
    // What has no answer for a reason of its own is a new question; what did not arrive is the same one.
    const next = error instanceof Away ? question : { ...question, key: newKey() };
    if (!(error instanceof Away)) unsent.drop(question.key);
    answer.retry = () => again(next, answer);
    if (!(error instanceof Away)) return;
    const retry = () => answer.problem && talk.entries.includes(answer) && !talk.stop && again(question, answer);
    addEventListener("online", retry, { once: true, signal });
    app.live?.addEventListener("connected", retry, { once: true, signal });
  }

  function write(answer) {
    const isAtEnd = scroller().scrollHeight - scroller().scrollTop - scroller().clientHeight < 120;
    answer.row?.querySelector(".text")?.replaceChildren(answer.text);
    if (isAtEnd) toEnd();
  }

  // --- what comes by itself

  function merge(messages) {
    for (const message of messages.filter((one) => one.conversationId === talk.id)) {
      if (talk.entries.some((one) => one.id === message.id)) continue;
      const own = talk.entries.findLast((one) => one.key && !one.id && !one.isStopped && one.role === message.role && (one.role === "ASSISTANT" || one.text === message.text));
      if (!own) talk.entries.push(message);
      else if (own.isGrowing || (own.problem && message.kind === "failure")) Object.assign(own, { id: message.id, createdAt: message.createdAt });
      else Object.assign(own, message, { problem: undefined, retry: undefined });
    }
    draw();
  }

  // Draws only what is new: an open list of sources stays open.
  async function reload() {
    const before = JSON.stringify(talk.entries.map((one) => one.text));
    await load().catch(() => {});
    if (JSON.stringify(talk.entries.map((one) => one.text)) !== before) draw();
  }

  let refresh = 0;
  async function onMessages(event) {
    const others = event.detail.filter((one) => one.conversationId !== talk.id && one.role === "ASSISTANT" && one.source);
    if (others.length) news(others.at(-1));
    if (!event.detail.some((one) => one.conversationId === talk.id)) return;
    merge(event.detail);
    // What the wearable heard is not among the messages.
    if (talk.conversation?.omiSessionKey && !talk.stop) {
      clearTimeout(refresh);
      refresh = setTimeout(reload, 1000);
    }
  }

  function news(message) {
    const line = h("p", { class: "news", role: "status" }, "New: ", said(clip(message.text, 80)), " ", h("a", { href: `#/talk/${message.conversationId}` }, "Open"));
    log.parentElement?.querySelector(".news")?.remove();
    log.after(line);
  }

  if (app.live) app.live.addEventListener("messages", onMessages, { signal });
  // What a wearable hears now is no message; it is looked for while it goes on.
  const looking = setInterval(() => {
    const last = talk.entries.at(-1);
    const goesOn = talk.conversation?.omiSessionKey && !document.hidden && !talk.stop && talk.entries.length < 2000 && last && Date.now() - Date.parse(last.createdAt) < 600_000;
    if (goesOn) reload();
  }, 10_000);
  signal.addEventListener("abort", () => clearInterval(looking));
  // After a pause of the stream some messages may be missing; another tab may have begun it anew.
  for (const kind of ["changed", "connected"]) app.live?.addEventListener(kind, () => talk.id && !talk.stop && reload(), { signal });

  // --- the conversation as a whole

  const actions = h("p", { class: "row actions" });
  function drawActions() {
    if (!talk.id || guest) return;
    const file = (format, text) => h("a", { class: "button plain", href: `/conversations/${talk.id}/export?format=${format}`, download: "" }, text);
    actions.replaceChildren(h("button", { class: "plain", onclick: rename }, "Rename"), file("md", "Save as text"), file("json", "Save as JSON"), h("button", { class: "plain danger", onclick: erase }, "Delete"));
  }

  async function rename() {
    const name = h("input", { value: talk.conversation.title ?? "", maxlength: 200, "aria-label": "Name of the conversation", dir: "auto" });
    const save = async (event) => {
      event.preventDefault();
      try {
        talk.conversation.title = (await patch(`/conversations/${talk.id}`, { title: name.value })).conversation.title;
        drawTitle();
        drawActions();
        app.recents();
        announce("The conversation has its new name.");
      } catch (error) {
        announce(words(error));
      }
    };
    actions.replaceChildren(h("form", { class: "row", onsubmit: save }, name, h("button", { class: "main" }, "Save"), h("button", { type: "button", onclick: drawActions }, "Cancel")));
    name.focus();
  }

  async function erase() {
    const yes = await confirm({ title: "Delete this conversation?", text: "All that was said, asked and answered in it is removed, and cannot be brought back.", button: "Delete" });
    if (!yes) return;
    try {
      await del(`/conversations/${talk.id}`);
      announce("The conversation is deleted.");
      app.recents();
      app.go("history");
    } catch (error) {
      announce(words(error));
    }
  }

  const spaceBox = spaces && h("select", { id: "space", "aria-label": "What answers are about", title: "What answers are about", onchange: (event) => post("/spaces/switch", { space: event.target.value }).then(() => announce("The space is changed."), (error) => announce(words(error))) },
    spaces.spaces.map((name) => h("option", { value: name, selected: name === spaces.active }, SPACES[name] ?? name)));
  const memoriesBox = app.me && h("label", { class: "check" }, h("input", { type: "checkbox", checked: app.me.preferences.injectMemories, onchange: useMemories }), " Use my memories");
  async function useMemories(event) {
    try {
      app.me.preferences = (await patch("/preferences", { inject_memories: event.target.checked })).preferences;
      announce(event.target.checked ? "Answers use your memories and earlier conversations." : "Answers use no memories.");
    } catch (error) {
      event.target.checked = !event.target.checked;
      announce(words(error));
    }
  }

  drawTitle();
  drawActions();
  draw({ stay: true });
  document.getElementById("main").addEventListener("shown", () => {
    grow();
    if (talk.found) {
      const row = log.querySelector(".found");
      row?.scrollIntoView({ block: "center" });
      row?.focus({ preventScroll: true });
    } else {
      if (talk.id) toEnd();
      if (matchMedia("(pointer: fine)").matches) box.focus({ preventScroll: true });
    }
  }, { once: true });
  return [
    h("header", { class: "bar" }, title, talk.conversation?.omiSessionKey && h("p", { class: "quiet" }, "From your wearable, begun ", moment(talk.conversation.createdAt)), actions),
    log,
    h("form", { class: "composer", onsubmit: submit },
      h("div", { class: "row ask" }, box, send, stop),
      h("div", { class: "row under" }, spaceBox, memoriesBox, app.facts.isDemo && h("span", { class: "badge", title: "No model is connected: each answer repeats the question." }, "Demo"))),
  ];
}
