// Wearables: link one by a code, or remove it. And the browsers and apps that are signed in.
import { del, get, id, post, words } from "./api.js";
import { announce, confirm, h, moment, said } from "./dom.js";

export async function show({ app, signal }) {
  const wearables = h("div", {});
  const sessions = h("div", {});
  const problem = h("p", { class: "problem", role: "alert" });

  async function attempt(action, then) {
    problem.textContent = "";
    try {
      await then(await action());
    } catch (error) {
      if (!signal.aborted) problem.textContent = words(error);
    }
  }

  // --- wearables

  async function drawWearables() {
    const { items } = await get("/link/omi", { signal });
    app.links = items.filter((one) => one.isVerified);
    const waiting = items.find((one) => !one.isVerified);
    wearables.replaceChildren(
      h("ul", { class: "rows" }, app.links.map((one) => h("li", { class: "item" }, h("p", {}, h("strong", {}, said(one.omiUserId)), " ", h("span", { class: "quiet" }, "linked since ", moment(one.verifiedAt))),
        h("button", { class: "plain danger", onclick: () => unlink(one.omiUserId) }, "Unlink")))),
      waiting ? codeForm(waiting.omiUserId) : startForm());
  }

  function startForm(uid = "") {
    const box = h("input", { required: true, maxlength: 128, value: uid, autocapitalize: "none", spellcheck: "false", autocomplete: "off" });
    const begin = (event) => {
      event.preventDefault();
      attempt(() => post("/link/omi/start", { omi_user_id: box.value.trim() }), async (form) => {
        if (form.already_linked) await drawWearables();
        else showCode(box.value.trim(), form.dev_code);
      });
    };
    return h("form", { class: "card", onsubmit: begin }, h("h3", {}, app.links.length ? "Link another wearable" : "Link your wearable"),
      h("p", { class: "quiet" }, "Its conversations are then yours here, and it answers by your preferences. Omi’s app shows the user id in its settings; a code of six digits comes to its phone."),
      h("p", { class: "row" }, h("label", {}, "User id of the Omi app ", box), h("button", { class: "main" }, "Send the code")));
  }

  function showCode(uid, code) {
    const form = codeForm(uid, code);
    wearables.lastElementChild.replaceWith(form);
    form.querySelector("input").focus();
    announce("The code is on its way.");
  }

  function codeForm(uid, code = "") {
    const box = h("input", { required: true, maxlength: 20, inputmode: "numeric", autocomplete: "one-time-code", value: code });
    const send = (event) => {
      event.preventDefault();
      attempt(() => post("/link/omi/confirm", { omi_user_id: uid, code: box.value.trim() }), async () => {
        announce("Your wearable is linked.");
        await drawWearables();
        app.recents();
      });
    };
    return h("form", { class: "card", onsubmit: send }, h("h3", {}, "Enter the code for ", said(uid)),
      h("p", { class: "quiet" }, code ? "This is a server for development, so it shows the code here." : "It is in a notification on the phone of the wearable, and holds for ten minutes."),
      h("p", { class: "row" }, h("label", {}, "Code ", box), h("button", { class: "main" }, "Link"),
        h("button", { type: "button", class: "plain", onclick: () => attempt(() => post("/link/omi/resend", { omi_user_id: uid }), (form) => showCode(uid, form.dev_code)) }, "Send another code"),
        h("button", { type: "button", class: "plain", onclick: () => attempt(() => del(`/link/omi/unlink/${id(uid)}`), drawWearables) }, "Cancel")));
  }

  async function unlink(uid) {
    if (!(await confirm({ title: "Unlink this wearable?", text: "Its conversations are then nobody’s, and you do not see them any more. Your memories stay.", button: "Unlink" }))) return;
    await attempt(() => del(`/link/omi/unlink/${id(uid)}`), async () => { announce("It is unlinked."); await drawWearables(); app.recents(); });
  }

  // --- browsers and apps that are signed in

  async function drawSessions() {
    const { items } = await get("/account/sessions", { signal });
    sessions.replaceChildren(h("ul", { class: "rows" }, items.map((one) => h("li", { class: "item" },
      h("p", {}, one.is_current ? h("strong", {}, "This browser") : h("code", {}, one.session_token_masked), " ", h("span", { class: "quiet" }, "signed in ", moment(one.createdAt), ", until ", moment(one.expiresAt))),
      !one.is_current && h("button", { class: "plain", onclick: () => attempt(() => post("/account/sessions/revoke", { id: one.id }), drawSessions) }, "Sign out")))),
      items.length > 1 && h("p", {}, h("button", { onclick: () => attempt(() => post("/account/sessions/revoke-others"), drawSessions) }, "Sign out all others")) || "");
  }

  await Promise.all([drawWearables(), drawSessions()]);
  return [h("h1", {}, "Devices"), problem,
    h("section", { "aria-labelledby": "wearables" }, h("h2", { id: "wearables" }, "Wearables"), wearables),
    h("section", { "aria-labelledby": "signed" }, h("h2", { id: "signed" }, "Signed in"), sessions)];
}
