// The door: sign in, or begin with an account, or talk without one where that is allowed.
import { post, words } from "./api.js";
import { h } from "./dom.js";

function field(label, props) {
  return h("p", {}, h("label", {}, label, h("br"), h("input", { required: true, ...props })));
}

// Shows the forms; `open` is called after a sign-in, `guest` to talk without an account. `again`: the session has ended.
export function door({ facts, open, guest, again = false }) {
  const problem = h("p", { class: "state fail", role: "alert", hidden: true });
  const place = again ? h("dialog", { class: "door", "aria-labelledby": "door-title" }) : document.getElementById("door");
  const mayRegister = facts.registration === "open" && !again;
  let isNew = mayRegister && !localStorage.getItem("has-account");

  async function send(event) {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    const button = event.target.querySelector("button");
    button.disabled = true;
    problem.hidden = true;
    try {
      if (!form.display_name) delete form.display_name;
      await post(isNew ? "/auth/register" : "/auth/login", form);
      localStorage.setItem("has-account", "yes");
      if (again) {
        location.reload(); // what was typed is kept for this tab
        return;
      }
      await open();
    } catch (error) {
      problem.textContent = error.status === 401 ? "The email or the password is wrong." : words(error);
      problem.hidden = false;
      button.disabled = false;
    }
  }

  function draw(focus) {
    const title = again ? "Please sign in again" : isNew ? "Begin" : "Sign in";
    place.replaceChildren(h("section", { class: "card", "aria-labelledby": "door-title" },
      h("h2", { id: "door-title" }, title),
      again && h("p", {}, "Your sign-in has ended. What you typed is kept."),
      problem,
      h("form", { onsubmit: send },
        field("Email", { type: "email", name: "email", autocomplete: "username" }),
        isNew && field("Name, if you like", { name: "display_name", autocomplete: "name", required: false }),
        field(isNew ? "Password, at least 8 characters" : "Password", { type: "password", name: "password", minlength: isNew ? 8 : 1, autocomplete: isNew ? "new-password" : "current-password" }),
        h("p", { class: "row" }, h("button", { class: "main" }, isNew ? "Make my account" : "Sign in"),
          mayRegister && h("button", { type: "button", class: "plain", onclick: () => { isNew = !isNew; draw(true); } }, isNew ? "I have an account" : "I am new here"))),
      facts.registration === "link" && !again && h("p", { class: "quiet" }, "You are new? Open the set-up link that the operator sent you."),
      facts.registration === "closed" && !again && h("p", { class: "quiet" }, "The operator of this server makes the accounts."),
      !again && h("p", { class: "quiet" }, "The password is forgotten? The operator can send you a link for another one."),
      facts.mayChat && guest && h("p", {}, h("button", { type: "button", class: "plain", onclick: guest }, "Talk without an account"))));
    if (focus) place.querySelector("input").focus();
  }

  if (!facts.hasAccounts) {
    place.replaceChildren(facts.mayChat
      ? h("section", { class: "card" }, h("h2", {}, "Talk"), h("p", {}, "This server has no accounts. What you type here is answered, and stays in this page."),
        h("p", {}, h("button", { class: "main", onclick: guest }, "Begin to talk")))
      : h("p", { class: "card" }, "This server has no accounts, and takes no typed questions."));
    return;
  }
  draw(again);
  if (again) {
    place.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(place);
    place.showModal();
  }
}
