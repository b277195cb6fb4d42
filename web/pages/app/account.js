// The account: name, email, password; take everything along; delete everything.
import { del, get, patch, post, words } from "./api.js";
import { announce, confirm, h, moment } from "./dom.js";

// Milliseconds between two questions how far an erasure is.
const ASK_MS = 1000;

export async function show({ app, signal }) {
  const { user } = await get("/account/profile", { signal });

  // A form with its fields; `send` gets their values.
  function form(title, fields, button, send) {
    const problem = h("p", { class: "problem", role: "alert" });
    const submit = async (event) => {
      event.preventDefault();
      problem.textContent = "";
      try {
        await send(Object.fromEntries(new FormData(event.target)), event.target);
      } catch (error) {
        problem.textContent = words(error);
      }
    };
    return h("form", { class: "card", onsubmit: submit }, h("h2", {}, title), fields.map(([label, props]) => h("p", {}, h("label", {}, label, h("br"), h("input", props)))), problem, h("p", {}, h("button", {}, button)));
  }

  const current = (name) => ["Your present password", { type: "password", name, autocomplete: "current-password", required: true }];

  async function erase() {
    const yes = await confirm({ title: "Delete your account with everything?", text: "All conversations, memories, tasks and preferences are erased. Nobody can bring them back.", button: "Delete everything", typed: user.email, password: true });
    if (!yes) return;
    try {
      const { statusPath } = await del("/account", { current_password: yes.password });
      sessionStorage.clear();
      localStorage.clear();
      app.live?.close();
      app.me = null;
      await follow(statusPath);
    } catch (error) {
      announce(error.status === 401 ? "The password is wrong. Nothing was deleted." : words(error));
    }
  }

  // Nobody is signed in any more; the address of the reply shows the end.
  async function follow(path) {
    const state = h("p", { class: "lead", role: "status" }, "Your account has ended. Everything of it is being erased…");
    document.querySelector(".shell").replaceWith(h("main", { class: "end" }, h("h1", {}, "Deleted"), state, h("p", {}, h("a", { href: "/" }, "Start page"))));
    for (;;) {
      const form = await get(path).catch(() => null);
      if (form?.status === "erased") break;
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
    state.textContent = "Everything of your account is erased.";
  }

  return [h("h1", {}, "Account"),
    form("Name", [["Your name", { name: "display_name", value: user.displayName ?? "", maxlength: 100, autocomplete: "name", dir: "auto" }]], "Save the name", async (given) => {
      app.me.displayName = (await patch("/account/profile", given)).user.displayName;
      announce("The name is saved.");
    }),
    form("Email", [["Email", { type: "email", name: "email", value: user.email, required: true, autocomplete: "username" }], current("current_password")], "Save the email", async (given) => {
      user.email = (await patch("/account/profile", given)).user.email;
      announce("The email is saved.");
    }),
    form("Password", [current("current_password"), ["New password, at least 8 characters", { type: "password", name: "new_password", minlength: 8, autocomplete: "new-password", required: true }]], "Change the password", async (given, place) => {
      await post("/account/password", given);
      place.reset();
      announce("The password is changed. All other devices are signed out.");
    }),
    h("section", { class: "card" }, h("h2", {}, "Take everything along"), h("p", {}, "A zip file with all that is stored of you, as text (Markdown) and as JSON. Your account exists since ", moment(user.createdAt), "."),
      h("p", {}, h("a", { class: "button", href: "/account/export", download: "" }, "Export everything"))),
    h("section", { class: "card" }, h("h2", {}, "Delete everything"), h("p", {}, "Your account ends at once, and everything of it is erased."), h("p", {}, h("button", { class: "danger", onclick: erase }, "Delete my account…")))];
}
