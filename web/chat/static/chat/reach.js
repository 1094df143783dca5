// How the care team may reach the patient: a form after an escalation, never asked for in the conversation.

import { ask } from "./api.js";
import { $, asList, fromTemplate, log, words } from "./page.js";
import { bubble, usable } from "./replies.js";
import { store } from "./store.js";

/** The form, once for each conversation; nothing when it was used, stands already, or nobody was told. */
export function reach(escalation) {
  if (escalation?.state !== "recorded" || store.get("reached") || $(".reach", log)) return [];
  const form = fromTemplate("reach");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { name, phone, email, consent } = form.elements;
    const wrong = $(".wrong", form);
    wrong.textContent = "";
    if (!consent.checked || !(phone.value.trim() || email.value.trim())) {
      wrong.textContent = words.reach_missing;
      return;
    }
    try {
      const told = await ask("POST", "contact", { name: name.value, phone: phone.value, email: email.value, consent: true });
      store.set("reached", "1");
      form.replaceWith(...asList(told.replies).filter(usable).flatMap((reply) => bubble(reply)));
    } catch (e) {
      wrong.textContent = e.status === 422 ? words.reach_missing : words.reach_failed;
    }
  });
  return [form];
}
