// All conversations by day, and the search over everything that was said and written.
import { get, id, words } from "./api.js";
import { at, clip, dayOf, h, icon, marked, nameOfSpeaker, said } from "./dom.js";
import { remover } from "./entries.js";

const PAGE = 30;
// Beyond it the server counts no further; then pages begin at a time.
const COUNTED = 2000;

export const nameOf = (one) => one.title || (one.lastMessage?.text && clip(one.lastMessage.text)) || `Conversation of ${new Date(one.createdAt).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;

export async function show({ query, signal, app }) {
  const list = h("div", { class: "list" });
  const state = h("p", { class: "quiet", role: "status" });
  const box = h("input", { type: "search", value: query.get("q") ?? "", placeholder: "Words that were said or written", "aria-label": "Search in all conversations", maxlength: 500, dir: "auto", oninput: soon });
  let timer = 0;
  let newest = 0;

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(look, 250);
  }

  async function look() {
    const words = box.value.trim();
    app.go(words ? `history?q=${id(words)}` : "history", { replace: true });
    const mine = ++newest;
    try {
      await (words ? search(words, mine) : browse());
    } catch (error) {
      if (mine === newest && !signal.aborted) problem(error, look);
    }
  }

  function problem(error, again) {
    state.replaceChildren(words(error), " ", h("button", { onclick: again }, "Try again"));
  }

  async function search(text, mine) {
    state.textContent = "Searching…";
    const { items } = await get(`/conversations/search?limit=50&q=${id(text)}`, { signal });
    if (mine !== newest) return;
    state.textContent = items.length ? `${items.length === 50 ? "The best 50" : items.length} found, the best first.` : "Nothing was found. A sentence is found about a minute after it was said.";
    list.replaceChildren(h("ul", { class: "rows" }, items.map((one) => h("li", { class: "hit" }, h("a", { href: `#/talk/${one.conversationId}?at=${id(one.createdAt)}&id=${one.id}` },
      h("span", { class: "name" }, marked(clip(one.text, 300), text)),
      h("span", { class: "quiet" }, one.speaker && [said(nameOfSpeaker(one.speaker)), ", "], dayOf(one.createdAt), ", ", at(one.createdAt))), remover(one.conversationId, one, again)))));
  }

  function again() {
    box.focus();
    app.recents();
    look();
  }

  async function browse() {
    state.textContent = "";
    const seen = new Set();
    let offset = 0;
    let cursor = "";
    let day = "";
    let rows = null;
    const further = h("p", {}, h("button", { onclick: () => page().catch((error) => problem(error, page)) }, "Show more"));
    async function page() {
      const form = await get(cursor ? `/conversations?limit=${PAGE}&cursor=${id(cursor)}` : `/conversations?limit=${PAGE}&offset=${offset}`, { signal });
      const hasMore = cursor ? Boolean(form.nextCursor) : form.hasMore;
      for (const one of form.items.filter((item) => !seen.has(item.id))) {
        seen.add(one.id);
        if (dayOf(one.createdAt) !== day) list.append(h("h2", {}, (day = dayOf(one.createdAt))), (rows = h("ul", { class: "rows" })));
        rows.append(h("li", {}, h("a", { href: `#/talk/${one.id}` }, h("span", { class: "name" }, one.omiSessionKey && icon("device"), said(nameOf(one))),
          h("span", { class: "quiet" }, at(one.createdAt), one.messageCount !== undefined && ` · ${one.messageCount} ${one.messageCount === 1 ? "message" : "messages"}`, one.omiSessionKey && " · wearable"))));
      }
      offset += PAGE;
      const last = form.items.at(-1);
      // A millisecond later, since the shown time is cut; what comes twice is left out.
      cursor = form.nextCursor || (last && offset >= COUNTED ? new Date(Date.parse(last.createdAt) + 1).toISOString() : "");
      further.remove();
      if (hasMore) list.append(further);
    }
    list.replaceChildren();
    await page();
    if (!list.childElementCount) list.replaceChildren(h("p", { class: "empty" }, "There are no conversations yet. ", h("a", { href: "#/talk" }, "Begin one"), ", or ", h("a", { href: "#/devices" }, "link your wearable"), "."));
  }

  await (box.value.trim() ? search(box.value.trim(), newest) : browse());
  document.getElementById("main").addEventListener("shown", () => matchMedia("(pointer: fine)").matches && box.focus({ preventScroll: true }), { once: true });
  return [h("h1", {}, "Conversations"), h("p", { class: "search" }, icon("search"), box), state, list];
}
