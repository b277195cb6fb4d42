// The entries of a conversation: what was heard, questions, answers with the memories that they used.
import { del, get, id, words } from "./api.js";
import { announce, at, clip, confirm, h, icon, moment, nameOfSpeaker, said } from "./dom.js";

// The button that deletes an entry: `{ id, text }` of this conversation. `gone` is called when it is deleted.
export function remover(conversation, entry, gone) {
  const label = `Delete: ${clip(entry.text, 60)}`;
  return h("button", { type: "button", class: "plain remove", "aria-label": label, title: "Delete", onclick: erase }, icon("remove"));

  async function erase() {
    const yes = await confirm({ title: "Delete this alone?", text: `“${clip(entry.text, 200)}” is removed, and cannot be brought back. The rest of the conversation stays.`, button: "Delete" });
    if (!yes) return;
    try {
      // An id has no characters that an address encodes; the server takes none that are.
      await del(`/conversations/${conversation}/messages/${entry.id}`);
    } catch (error) {
      // Another tab was first.
      if (error.status !== 404) return announce(words(error));
    }
    announce("It is deleted.");
    gone(entry);
  }
}

// Returns the function that makes the row of an entry; `before` is the entry above it.
export function rows({ talk, app, signal, askAgain, gone }) {
  const guest = !app.me;

  function rowOf(entry, before) {
    if (!entry.role) return heard(entry, before && !before.role && before.speaker === entry.speaker && before.isUser === entry.isUser);
    const isMine = entry.role === "USER";
    const isFound = entry === talk.found;
    const row = h("article", { class: `message ${isMine ? "mine" : "its"} ${entry.kind === "failure" ? "failed" : ""} ${isFound ? "found" : ""}`, tabindex: isFound ? "-1" : undefined, "aria-busy": entry.isGrowing ? "true" : undefined },
      h("p", { class: "text", dir: "auto" }, entry.text || (entry.isGrowing ? h("span", { class: "thinking" }, h("span", { class: "unseen" }, "The answer is being made")) : "")),
      entry.problem && h("p", { class: "problem", role: "alert" }, entry.problem, " ", entry.retry && h("button", { onclick: entry.retry }, "Try again")),
      entry.kind === "failure" && entry === talk.entries.at(-1) && h("p", {}, h("button", { onclick: askAgain }, "Ask again")),
      !entry.isGrowing && sourcesOf(entry),
      entry.createdAt && h("p", { class: "meta" }, h("span", { class: "unseen" }, isMine ? "You, " : "Omi, "), at(entry.createdAt), entry.source === "OMI_TRANSCRIPT" && " · spoken", removal(entry)));
    entry.row = row;
    return row;
  }

  function heard(entry, isSame) {
    const isFound = entry === talk.found;
    entry.row = h("p", { class: `heard ${isFound ? "found" : ""}`, tabindex: isFound ? "-1" : undefined },
      !isSame && h("span", { class: "speaker" }, said(entry.isUser ? "You" : nameOfSpeaker(entry.speaker)), " ", at(entry.createdAt)), said(entry.text), removal(entry));
    return entry.row;
  }

  const removal = (entry) => !guest && entry.id && !entry.isGrowing && remover(talk.id, entry, gone);

  function sourcesOf(entry) {
    if (entry.role !== "ASSISTANT" || guest) return null;
    if (entry.sources?.length) return h("details", { class: "sources" }, h("summary", {}, `From ${entry.sources.length} of your memories and conversations`), sourceList(entry.sources));
    if (!entry.id || !app.me.preferences.injectMemories || entry.sources) return null;
    const place = h("div", {});
    const load = async (event) => {
      if (!event.target.open || entry.sources) return;
      const found = await get(`/messages/${entry.id}/sources`, { signal }).catch((error) => error);
      if (!found.items) return place.replaceChildren(words(found));
      entry.sources = found.items;
      place.replaceChildren(entry.sources.length ? sourceList(entry.sources) : "This answer used none of your memories.");
    };
    return h("details", { class: "sources", ontoggle: load }, h("summary", {}, "Sources"), place);
  }

  const sourceList = (sources) => h("ul", {}, sources.map((one) => h("li", {}, said(clip(one.text, 200)), " ",
    h("a", { href: one.conversationId ? `#/talk/${one.conversationId}?at=${id(one.createdAt)}&id=${one.id}` : "#/memories" }, one.kind === "memory" ? "memory, " : "said, ", moment(one.createdAt)))));

  return rowOf;
}
