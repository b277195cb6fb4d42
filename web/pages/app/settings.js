// All preferences with their effect in words. Each is saved as it is typed; what is not valid yet is marked.
import { get, patch, words } from "./api.js";
import { h } from "./dom.js";
import { nameOf } from "./history.js";

const LANGUAGES = ["en", "es", "de", "fr", "pt", "it", "nl", "ru", "ja", "zh", "hi", "ar"];
const SENSITIVITY = ["Only “Hey, and the name” at the beginning of a sentence", "A greeting with the name", "Also the name alone, where it is addressed", "Also in the middle of a sentence, and misspelled", "Each mention of the name"];
const languageName = (code) => new Intl.DisplayNames([navigator.language], { type: "language" }).of(code);
// Groups of fields: name, kind, label, effect, and what the kind needs.
const GROUPS = [
  ["When your wearable answers", [
    ["listenMode", "choice", "It listens", "What counts as a question to it.", [["TRIGGER", "After a wake phrase"], ["FOLLOWUP", "Also soon after an answer, without the phrase"], ["ALWAYS", "To all that is said"]]],
    ["followupWindowMs", "number", "How long after an answer, in milliseconds", "From 1,000 to 60,000. It counts if it also listens after an answer."],
    ["wakeBy", "choice", "Who may ask", "Omi recognises the voice of its wearer.", [["ANYONE", "Everybody"], ["OWNER", "Only the wearer"]]],
    ["wakeNames", "text", "Its names", "Up to 8, separated by commas. “Hey” and one of them wakes it."],
    ["activationSensitivity", "level", "How easily it wakes", ""],
    ["activationRegex", "text", "A pattern of your own", "For experts: a regular expression (RE2). The question is what follows it; the names then do not count."],
  ]],
  ["When it is silent", [
    ["mute", "flag", "Mute", "Speech is kept, and nothing is answered or notified. What you type is answered."],
    ["quietHoursEnabled", "flag", "Quiet hours", "The same, each day between two times."],
    ["quietHoursStart", "text", "They begin at", "A time such as 22:00."],
    ["quietHoursEnd", "text", "They end at", "A time such as 07:00."],
    ["timeZone", "zone", "Your time zone", "Such as Europe/Berlin. Quiet hours and activity use it; without one it is UTC."],
    ["meetingTranscribe", "flag", "I am in a meeting", "Nothing is answered; when it is over, its transcript becomes one memory."],
  ]],
  ["Answers", [
    ["injectMemories", "flag", "Use my memories", "Answers may use your memories and earlier conversations. They are then shown with the answer."],
    ["language", "choice", "Language of answers", "Without one, the language of the question.", [["", "That of the question"], ...LANGUAGES.map((code) => [code, languageName(code)])]],
    ["defaultConversationId", "conversation", "Default conversation", "Typed questions of other apps go there if they name none."],
  ]],
];
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export async function show({ app, signal }) {
  const [{ preferences }, { items: latest }] = await Promise.all([get("/preferences", { signal }), get("/conversations?offset=0&limit=20", { signal })]);
  const marks = {};
  const timers = {};
  const open = new Set(); // fields that are not saved yet
  const saved = h("span", { class: "saved", role: "status" });

  // Waits until the person has stopped typing; answers may come in another order, so only marks are taken from them.
  function change(name, value, wait = 350) {
    clearTimeout(timers[name]);
    saved.textContent = "Saving…";
    open.add(name);
    timers[name] = setTimeout(() => save(name, value), wait);
  }

  async function save(name, value) {
    open.delete(name);
    try {
      const form = await patch("/preferences", { [snake(name)]: value });
      app.me.preferences = form.preferences;
      mark(form.preferences.invalid);
      if (!open.size) saved.textContent = "Saved.";
    } catch (error) {
      saved.textContent = "Not saved.";
      tell(name, words(error));
      if (!error.status) addEventListener("online", () => save(name, value), { once: true, signal });
    }
  }

  function tell(name, sentence) {
    const [place, input] = marks[name];
    place.textContent = sentence;
    input.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  function mark(invalid) {
    for (const name of Object.keys(marks)) {
      const found = invalid.find((one) => one.field === name);
      tell(name, found ? `Not valid yet, without effect: it ${found.reason}.` : "");
    }
  }

  function field([name, kind, label, effect, choices]) {
    const key = `p-${name}`;
    const value = preferences[name] ?? "";
    const props = { id: key, "aria-describedby": `${key}-effect ${key}-mark` };
    const options = (list) => list.map(([one, text]) => h("option", { value: one, selected: one === value }, text));
    const inputs = {
      flag: () => h("input", { ...props, type: "checkbox", role: "switch", checked: value === true, onchange: (event) => change(name, event.target.checked, 0) }),
      choice: () => h("select", { ...props, onchange: (event) => change(name, event.target.value, 0) }, options(choices)),
      conversation: () => h("select", { ...props, onchange: (event) => change(name, event.target.value, 0) }, options([["", "None"], ...(value && !latest.some((one) => one.id === value) ? [[value, "An earlier conversation"]] : []), ...latest.map((one) => [one.id, nameOf(one)])])),
      level: () => h("input", { ...props, type: "range", min: -2, max: 2, step: 1, value, oninput: (event) => { level(event.target); change(name, Number(event.target.value)); } }),
      number: () => h("input", { ...props, inputmode: "numeric", value, maxlength: 20, oninput: (event) => change(name, event.target.value) }),
      text: () => h("input", { ...props, value, maxlength: 336, autocapitalize: "none", spellcheck: "false", dir: "auto", oninput: (event) => change(name, event.target.value) }),
      zone: () => h("input", { ...props, value, list: "zones", maxlength: 64, autocapitalize: "none", spellcheck: "false", placeholder: Intl.DateTimeFormat().resolvedOptions().timeZone, oninput: (event) => change(name, event.target.value) }),
    };
    const input = inputs[kind]();
    const note = h("span", { class: "quiet", id: `${key}-effect` }, effect);
    const level = (range) => { note.textContent = SENSITIVITY[Number(range.value) + 2]; range.setAttribute("aria-valuetext", note.textContent); };
    if (kind === "level") level(input);
    marks[name] = [h("span", { class: "mark", id: `${key}-mark`, role: "alert" }), input];
    return h("div", { class: `field ${kind}` }, h("label", { for: key }, label), input, note, marks[name][0]);
  }

  const groups = GROUPS.map(([title, fields]) => h("section", { class: "card" }, h("h2", {}, title), fields.map(field)));
  mark(preferences.invalid);
  const zones = h("datalist", { id: "zones" }, Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone })));
  return [h("header", { class: "bar" }, h("h1", {}, "Preferences"), saved),
    h("p", { class: "quiet" }, app.links.length ? "They count from the next thing that is said." : ["They act on your wearable, once it is ", h("a", { href: "#/devices" }, "linked"), "."]),
    groups, zones];
}
