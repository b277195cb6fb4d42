// Elements, texts and times. Everything that a person or a model wrote becomes a text node: no text is ever HTML.
const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// h("p", {class: "quiet"}, "text", element, [more])
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

const PATHS = {
  talk: "M4 5h16v11H9l-5 4z", history: "M5 6h14M5 12h14M5 18h9", memory: "M7 4h10v16l-5-4-5 4z",
  task: "M5 12l4 4L19 6", prompt: "M5 6l5 6-5 6M12 18h7", activity: "M5 20V12M10 20V6M15 20V14M20 20V9", settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  device: "M12 3a9 9 0 1 0 .01 0M12 8.5a3.5 3.5 0 1 0 .01 0", account: "M12 4a4 4 0 1 0 .01 0M4 20c1-5 15-5 16 0",
  help: "M9 9a3 3 0 1 1 3 3.5V14M12 17.5v.5", more: "M5 12h.01M12 12h.01M19 12h.01", plus: "M12 5v14M5 12h14",
  send: "M12 19V5M6 11l6-6 6 6", stop: "M7 7h10v10H7z", remove: "M7 7l10 10M17 7L7 17", search: "M11 4a7 7 0 1 0 .01 0M16 16l4 4", operator: "M4 19V9l8-5 8 5v10M9 19v-6h6v6",
};
export const icon = (name) => s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));

// Texts of others keep their own direction of writing.
export const said = (text, props) => h("span", { dir: "auto", ...props }, text);

// A text with the words of a search marked.
export function marked(text, words) {
  const parts = words.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
  if (!parts.length) return said(text);
  const pattern = new RegExp(`(${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "giu");
  return h("span", { dir: "auto" }, text.split(pattern).map((part, at) => (at % 2 ? h("mark", {}, part) : part)));
}

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const TIME = format({ hour: "2-digit", minute: "2-digit" });
const DAY = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SHORT = format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const at = (iso, kind = TIME) => h("time", { datetime: iso, title: new Date(iso).toLocaleString() }, kind.format(new Date(iso)));
export const moment = (iso) => at(iso, SHORT);

// "Today", "Yesterday", or the day.
export function dayOf(iso) {
  const day = new Date(iso);
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  if (day >= midnight) return "Today";
  midnight.setDate(midnight.getDate() - 1);
  return day >= midnight ? "Yesterday" : DAY.format(day);
}

// "SPEAKER_01" is Omi's name for a voice that it does not know.
export const nameOfSpeaker = (name) => name.replace(/^SPEAKER_0*(\d+)$/, "Speaker $1") || "Somebody";

export const clip = (text, most = 60) => (text.length > most ? `${[...text].slice(0, most).join("").trimEnd()}…` : text);

// Says a sentence to screen readers, and shows it for a while unless it stands on the page already.
export function announce(sentence, { isShown = false } = {}) {
  const place = document.getElementById("announce");
  if (!place) return;
  place.textContent = sentence;
  place.classList.toggle("unseen", isShown);
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => (place.textContent = ""), 5000);
}

// Asks before something that cannot be undone. With `typed` the person must type that text; with `password` also that.
export function confirm({ title, text, button, typed, password }) {
  return new Promise((resolve) => {
    const go = h("button", { class: "danger", value: "yes", disabled: Boolean(typed) }, button);
    const check = () => (go.disabled = Boolean(typed) && word.value.trim() !== typed);
    const word = typed && h("input", { oninput: check, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
    const secret = password && h("input", { type: "password", autocomplete: "current-password", required: true });
    const form = h("form", { method: "dialog" },
      h("h2", { id: "confirm" }, title), h("p", {}, text),
      typed && h("p", {}, h("label", {}, "To confirm, type ", h("strong", {}, typed), h("br"), word)),
      secret && h("p", {}, h("label", {}, "Your password", h("br"), secret)),
      h("p", { class: "row" }, go, h("button", { value: "", formnovalidate: true, type: "button", onclick: () => dialog.close("") }, "Cancel")));
    const dialog = h("dialog", { "aria-labelledby": "confirm" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? { password: secret ? secret.value : "" } : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
