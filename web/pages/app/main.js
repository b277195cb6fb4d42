// The page for people: signs in, shows the frame, and one view for each address after the #.
import { get, post, words, Refused } from "./api.js";
import { announce, h, icon, said } from "./dom.js";
import { door } from "./door.js";
import { Live } from "./live.js";
import * as talk from "./talk.js";
import * as history from "./history.js";
import * as keep from "./keep.js";
import * as prompts from "./prompts.js";
import * as activity from "./activity.js";
import * as settings from "./settings.js";
import * as devices from "./devices.js";
import * as account from "./account.js";
import * as help from "./help.js";

// Addresses: title, icon, how to show it; the first four stand in the bar of a phone, the others under "More".
const VIEWS = {
  talk: ["Talk", "talk", talk.show],
  history: ["Conversations", "history", history.show],
  memories: ["Memories", "memory", keep.memories],
  tasks: ["Tasks", "task", keep.tasks],
  prompts: ["Prompts", "prompt", prompts.show],
  activity: ["Activity", "activity", activity.show],
  preferences: ["Preferences", "settings", settings.show],
  devices: ["Devices", "device", devices.show],
  account: ["Account", "account", account.show],
  help: ["Help", "help", help.show],
  operator: ["Operator", "operator", help.operator],
  more: ["More", "more", more],
};
const IN_BAR = ["talk", "history", "memories", "tasks"];

const facts = JSON.parse(document.body.dataset.facts);
const app = { facts, me: null, links: [], live: null, go, recents };
let showing = null; // the AbortController of the view that is shown

function allowed() {
  if (!app.me) return [...(facts.mayChat ? ["talk"] : []), "help", ...(facts.operator ? ["operator"] : [])];
  return Object.keys(VIEWS).filter((name) => name !== "operator" || facts.operator);
}

function more() {
  const others = allowed().filter((name) => !IN_BAR.includes(name) && name !== "more");
  return [h("h1", {}, "More"), h("ul", { class: "places" }, others.map((name) => h("li", {}, link(name)))), signOutButton()];
}

const link = (name) => h("a", { href: `#/${name}`, "data-view": name }, icon(VIEWS[name][1]), h("span", {}, VIEWS[name][0]));
const signOutButton = () => app.me && h("button", { class: "plain", onclick: signOut }, "Sign out");

async function signOut() {
  await post("/auth/logout").catch(() => {});
  sessionStorage.clear();
  location.assign("/");
}

export function go(address, { replace = false } = {}) {
  if (replace) globalThis.history.replaceState(null, "", `#/${address}`);
  else location.hash = `/${address}`;
}

function frame() {
  const names = allowed();
  const items = (list) => h("ul", {}, list.map((name) => h("li", { class: !app.me || IN_BAR.includes(name) || name === "more" ? "" : "rest" }, link(name))));
  document.getElementById("start")?.remove();
  document.querySelector(".shell")?.remove();
  const skip = (event) => { event.preventDefault(); document.getElementById("main").focus(); };
  document.body.append(h("div", { class: "shell" },
    h("a", { class: "skip", href: "#", onclick: skip }, "Skip to the content"),
    h("nav", { class: "side", "aria-label": "Main" },
      h("p", { class: "brand" }, "Omi Actors", facts.isDemo && h("span", { class: "badge", title: "No model is connected: each answer repeats the question." }, "Demo")),
      app.me && h("a", { class: "button main new", href: "#/talk", onclick: anew }, icon("plus"), "New conversation"),
      items(names),
      app.me && h("section", { class: "recents", "aria-labelledby": "recents" }, h("h2", { id: "recents" }, "Recent"), h("ul", { id: "recent" })),
      h("p", { class: "who" }, app.me ? [said(app.me.displayName || app.me.email), signOutButton()] : h("a", { href: "/" }, "Sign in"))),
    h("main", { id: "main", tabindex: "-1" }),
    h("p", { id: "announce", role: "status" }),
    h("p", { id: "offline", role: "alert" })));
}

// The link of the view that is open already shows it anew.
function anew(event) {
  if (location.hash !== "#/talk") return;
  event.preventDefault();
  show();
}

async function recents() {
  const list = document.getElementById("recent");
  if (!list) return;
  const { items } = await get("/conversations?offset=0&limit=8").catch(() => ({ items: null }));
  if (items) list.replaceChildren(...items.map((one) => h("li", {}, h("a", { href: `#/talk/${one.id}` }, said(history.nameOf(one))))));
  mark();
}

function mark() {
  const [name] = place();
  for (const a of document.querySelectorAll("nav a[data-view]")) {
    const isHere = a.dataset.view === name || (a.dataset.view === "more" && !IN_BAR.includes(name));
    if (isHere) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  for (const a of document.querySelectorAll("#recent a")) a.classList.toggle("here", a.hash.split("?")[0] === location.hash.split("?")[0]);
}

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, arg = ""] = path.split("/");
  return [allowed().includes(name) ? name : allowed()[0], decoded(arg), new URLSearchParams(query)];
}

// A person can type any address: one that is not encoded stands for itself.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function show() {
  const isFirst = showing === null;
  showing?.abort();
  showing = new AbortController();
  const { signal } = showing;
  const main = document.getElementById("main");
  const [name, arg, query] = place();
  mark();
  main.setAttribute("aria-busy", "true");
  main.dataset.view = name;
  const slow = setTimeout(() => main.replaceChildren(h("p", { class: "loading", role: "status" }, "Loading…")), 200);
  let content;
  try {
    content = await VIEWS[name][2]({ app, arg, query, signal });
  } catch (error) {
    content = signal.aborted ? [] : failure(error, show);
  }
  clearTimeout(slow);
  if (signal.aborted) return;
  main.replaceChildren(...[content].flat(Infinity).filter(Boolean));
  main.removeAttribute("aria-busy");
  const title = main.querySelector("h1");
  document.title = `${title?.textContent || VIEWS[name][0]} – Omi Actors`;
  main.dispatchEvent(new Event("shown"));
  if (!isFirst && title && !main.contains(document.activeElement)) {
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  }
}

// A view that could not be loaded, with a way out.
export function failure(error, again) {
  const isFound = !(error instanceof Refused && error.status === 404);
  return h("section", { class: "card failure", role: "alert" }, h("h1", {}, isFound ? "This did not work" : "This is not here"),
    h("p", {}, words(error)), error.requestId && facts.operator && h("p", {}, h("a", { href: `/metrics-dashboard/requests/${error.requestId}` }, "What happened in this request")),
    h("p", {}, h("button", { class: "main", onclick: again }, "Try again")));
}

// What another person has typed in this tab is none of this one's.
function own(whose) {
  if ((sessionStorage.getItem("whose") ?? whose) !== whose) sessionStorage.clear();
  sessionStorage.setItem("whose", whose);
}

async function open() {
  const [mine, links] = await Promise.all([get("/auth/me"), get("/link/omi")]);
  own(mine.user.id);
  Object.assign(app, { me: mine.user, links: links.items.filter((one) => one.isVerified) });
  frame();
  app.live = new Live();
  recents();
  for (const kind of ["messages", "changed", "connected"]) app.live.addEventListener(kind, later);
  await show();
}

// Many messages may come at once; the list of recent conversations is loaded once for them.
function later() {
  clearTimeout(later.timer);
  later.timer = setTimeout(recents, 1500);
}

async function begin() {
  if (facts.isSignedIn) {
    try {
      await open();
      return;
    } catch (error) {
      if (!(error instanceof Refused && error.status === 401)) {
        document.getElementById("door").replaceChildren(failure(error, () => location.reload()));
        return;
      }
    }
  }
  const guest = () => { frame(); return show(); };
  if (location.hash.startsWith("#/help")) {
    await guest();
    return;
  }
  door({ facts, open: () => open(), guest });
  document.querySelector('a[href="/help"]')?.addEventListener("click", (event) => { event.preventDefault(); go("help"); guest(); });
}

addEventListener("hashchange", () => document.querySelector(".shell") && show());
addEventListener("signed-out", () => {
  if (!app.me) return;
  app.me = null;
  app.live?.close();
  door({ facts, open, again: true });
});
for (const kind of ["online", "offline"]) {
  addEventListener(kind, () => {
    const line = document.getElementById("offline");
    if (line) line.textContent = kind === "offline" ? "You are offline. What you type is kept and sent later." : "";
    if (kind === "online") announce("You are online again.");
  });
}
begin();
