// The patient's chat: keys, buttons, and the start.

import { call } from "./api.js";
import { framed, leave, tell } from "./frame.js";
import { hush } from "./live.js";
import { $, asList, box, el, fill, log, note, pinned, toEnd, words } from "./page.js";
import { bubble, labels, usable } from "./replies.js";
import { forget, store } from "./store.js";
import { deliver, restore, send, unsent } from "./turns.js";

const COUNT_FROM = 500; // characters left when the counter appears
const [help, menu, form, count] = ["#help", "#menu", "#composer", "#count"].map((one) => $(one));

function forgetAll() {
  hush();
  forget();
  unsent.clear();
}

async function erase() {
  try {
    const told = store.get("token") ? await call("DELETE", "conversations/current") : {};
    forgetAll();
    log.replaceChildren(...log.querySelectorAll(".banner, [data-start]"));
    pinned.hidden = true;
    const replies = asList(told.replies).filter(usable);
    log.append(...(replies.length ? replies.flatMap((reply) => bubble(reply)) : [note(words.erased)]));
  } catch {
    log.append(note(words.kept));
  }
  toEnd();
  box.focus();
}

function counted() {
  const left = box.maxLength - box.value.length;
  count.hidden = left > COUNT_FROM;
  const says = left <= 0 ? fill(words.full, { most: box.maxLength }) : fill(words.left, { left: Math.floor(left / 50) * 50 || left });
  if (count.textContent !== says && !count.hidden) count.textContent = says;
}

/** The conversation as a text file, made here. */
function save() {
  const said = [...log.querySelectorAll(".you, .it:not(.busy), #log > .note")].map((one) => one.innerText.trim());
  const href = URL.createObjectURL(new Blob([said.join("\n\n")], { type: "text/plain" }));
  el("a", { href, download: words.file }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

/** The same conversation in the other language: the page is loaded anew, what this tab remembers stays. */
function change(event) {
  event.preventDefault();
  history.replaceState(history.state, "", event.currentTarget.href);
  location.reload();
}

/** The choice that a typed "2" means: only while the last thing said ends in numbered choices. */
function numbered(text) {
  const block = log.lastElementChild?.lastElementChild;
  const digit = /^\s*(\d)\s*[.)]?\s*$/.exec(text);
  return digit && block?.classList.contains("numbered") ? block.children[digit[1] - 1] : undefined;
}

const choose = (pick) => send({ choice: pick.dataset.choice, label: pick.textContent });

function submit(event) {
  event?.preventDefault();
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  counted();
  const pick = numbered(text);
  pick ? choose(pick) : send({ text });
}

function covered() {
  for (const part of [...$("main").children, form]) part.inert = help.open;
}

function escape(event) {
  if (event.key !== "Escape" || event.isComposing) return;
  const open = [menu, help].find((one) => one.open);
  if (open) {
    open.open = false;
    $("summary", open).focus();
  } else tell("close");
}

const actions = {
  print: () => window.print(),
  save,
  erase: () => { $("[data-sure]").hidden = false; $("[data-do=erase-now]").focus(); },
  "erase-now": () => { menu.open = false; erase(); },
};

form.addEventListener("submit", submit);
box.addEventListener("input", counted);
box.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && submit(event));
document.addEventListener("keydown", escape);
help.addEventListener("toggle", covered);
menu.addEventListener("toggle", () => { $("[data-sure]").hidden = true; });
document.addEventListener("click", ({ target }) => { if (!menu.contains(target)) menu.open = false; });
log.addEventListener("click", ({ target }) => { const pick = target.closest("[data-choice]"); if (pick) choose(pick); });
$("#switch").addEventListener("click", change);
$("#leave").addEventListener("click", (event) => { event.preventDefault(); forgetAll(); leave(event.currentTarget); });
for (const one of document.querySelectorAll("[data-do]")) { one.addEventListener("click", actions[one.dataset.do]); one.hidden = false; }
for (const one of log.querySelectorAll("[data-choice]")) labels.set(one.dataset.choice, one.textContent);
window.addEventListener("online", () => [...unsent].forEach(deliver));
window.addEventListener("message", ({ source, data }) => {
  if (source !== window.parent || data?.companion !== "open") return;
  if (matchMedia("(pointer: fine)").matches) box.focus();
});
if (framed) {
  const close = $("#close");
  close.hidden = false;
  close.addEventListener("click", () => tell("close"));
}
$("#unready").remove();
$("fieldset", form).disabled = false;
const topics = $("[data-start] .choices");
if (topics) topics.hidden = false;
document.body.classList.add("ready");
restore();
tell("ready");
