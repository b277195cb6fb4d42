// Help for wearers: how to wake, how to ask, silence, privacy. And the operator's links.
import { get } from "./api.js";
import { h } from "./dom.js";

export async function show({ app, signal }) {
  const told = await get("/help", { signal });
  const names = app.facts.wakeNames;
  const part = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), content);
  const words = (list) => h("ul", { class: "phrases" }, list.map((one) => h("li", {}, `“${one}”`)));
  return [h("h1", {}, "Help"),
    part("Wake it", names.length ? [h("p", {}, "Say a greeting and the name. It works in twelve languages."), words(told.trigger_phrases.phrases.slice(0, 6))] : h("p", {}, told.description)),
    part("Ask", names.length ? [h("p", {}, "Say your question right after it. A question may take several sentences; it ends with a pause."), words(told.examples)] : null,
      h("p", {}, "The answer is spoken, or comes as a notification. Here you can ask by typing; Enter sends, Shift and Enter begin a new line. An answer can be stopped while it is written.")),
    app.me && part("Silence", h("p", {}, "“Mute” and “Quiet hours” in the ", h("a", { href: "#/preferences" }, "preferences"), ": speech is kept, and nothing is answered. “I am in a meeting” keeps the transcript as one memory.")),
    part("Your privacy", h("ul", {}, [
      "What your wearable hears is kept on this server, and shown to you alone; the operator of the server can read it.",
      "Questions go to the language model that the operator has connected, with the sentences around them. Memories go along only if you allow it.",
      "You can delete each conversation and memory, take everything along, and delete your account with everything.",
    ].map((one) => h("li", {}, one)))),
    app.me && part("Find something again", h("p", {}, "Search in the ", h("a", { href: "#/history" }, "conversations"), ": all that was said and written is found by its words, also in other forms. A sentence leads to its place.")),
  ];
}

export function operator({ app }) {
  const { status, state, links } = app.facts.operator;
  return [h("h1", {}, "Operator"), h("p", { class: `state ${status}` }, state),
    h("ul", { class: "places" }, links.map(([path, name, meaning]) => h("li", {}, h("a", { href: path }, name), meaning))),
    h("p", { class: "quiet" }, "A wearer’s transcript is at /transcript/ and the user id; jobs and their texts are listed under Queue.")];
}
