// One escalation's page: follows what happens, part by part, and never over what somebody is writing.
import { chime, follow } from "./live.js";

const $ = (selector, within = document) => within.querySelector(selector);
const parts = () => [...document.querySelectorAll("[data-live]")];
const busy = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")
  || [...part.querySelectorAll("textarea, select")].some((field) => field.value && field.value !== field.defaultValue && !field.dataset.sent)
  || part.querySelector("details[open]");

/** The page as it is now, parsed by the browser: XMLHttpRequest gives a document, and no markup goes through a string. */
function fetched() {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.responseXML?.querySelector("[data-live]") ? done(request.responseXML) : failed());
    request.onerror = failed;
    request.send();
  });
}

let looking = false, again = false;
async function look() {
  if (looking) { again = true; return; }
  looking = true;
  try {
    const fresh = await fetched();
    for (const part of parts()) {
      const now = $(`[data-live=${part.dataset.live}]`, fresh);
      if (!now || now.textContent === part.textContent) continue;
      if (part.dataset.live === "composer" && $("#composer") && $("#composer", now)) continue;
      if (part.dataset.live === "log") {
        const wrote = now.dataset.last !== part.dataset.last;
        part.replaceWith(document.importNode(now, true));
        const field = $("#hand-back [name=seen]"); // what this page has shown
        if (field) field.value = now.dataset.last;
        if (wrote && sound.checked) chime();
      } else if (!busy(part)) part.replaceWith(document.importNode(now, true));
    }
    compose();
  } catch { live(false); }
  looking = false;
  if (again) { again = false; look(); }
}

function live(is) {
  $("#live").textContent = is ? "" : "This page is not live at the moment: trying again. If this stays, reload it or sign in again.";
}

/** The box to write in: sends without a reload, keeps the text until it is stored, tells that somebody is typing. */
function compose() {
  const form = $("#composer");
  if (!form || form.dataset.ready) return;
  form.dataset.ready = "yes";
  const box = $("textarea", form), state = $("#reply-state"), picker = $("#answers"), list = $("#answer-list"), words = $("#answer-words");
  const post = (address, fields) => fetch(address, { method: "POST", redirect: "error", headers: { Accept: "application/json", "X-CSRFToken": form.csrfmiddlewaretoken.value }, body: new URLSearchParams(fields) });
  let answers = [], typed = 0, sending = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending || !box.value.trim()) return;
    sending = true;
    state.textContent = "Sending…";
    try {
      const response = await post(form.action, { client_id: form.client_id.value, text: box.value, key: form.key.value });
      if (response.ok) {
        box.value = form.key.value = "";
        form.client_id.value = crypto.randomUUID();
        state.textContent = "Sent.";
      } else state.textContent = (await response.json()).error;
    } catch {
      state.textContent = "Not sent; what you wrote is still here. Send again: it will not arrive twice.";
    }
    sending = false;
  });
  box.addEventListener("input", () => {
    if (Date.now() - typed > 3000) { typed = Date.now(); post(form.dataset.typing, {}).catch(() => {}); }
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else if (event.key === "/" && !box.value) { event.preventDefault(); open(); }
  });

  let coming; // Enter may be pressed before the answers are there
  async function open() {
    picker.hidden = false;
    words.value = "";
    at = 0;
    words.focus();
    coming = fetch(form.dataset.answers).then((response) => response.json()).then((data) => { answers = data.answers; });
    try { await coming; } catch { state.textContent = "The answers cannot be read at the moment."; }
    show();
  }
  function found() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    return answers.filter((one) => wanted.every((word) => `${one.title} ${one.text}`.toLowerCase().includes(word))).slice(0, 8);
  }
  let at = 0;
  function show() {
    at = Math.min(at, Math.max(0, found().length - 1));
    list.replaceChildren(...found().map((one, i) => {
      const item = document.createElement("li");
      item.id = `answer-${i}`;
      item.role = "option";
      item.ariaSelected = String(i === at);
      const title = document.createElement("strong");
      title.textContent = one.title;
      item.append(title, document.createElement("br"), one.text.slice(0, 140));
      item.addEventListener("click", () => insert(one));
      return item;
    }));
    words.setAttribute("aria-activedescendant", found().length ? `answer-${at}` : "");
  }
  function insert(one) {
    if (!one) return;
    box.value = one.text;
    form.key.value = one.key;
    picker.hidden = true;
    box.focus();
  }
  words.addEventListener("input", () => { at = 0; show(); });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { picker.hidden = true; box.focus(); }
    else if (event.key === "Enter") { event.preventDefault(); Promise.resolve(coming).then(() => insert(found()[at])).catch(() => {}); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); at = Math.max(0, Math.min(found().length - 1, at + (event.key === "ArrowDown" ? 1 : -1))); show(); }
  });
}

const sound = { checked: false };
try { sound.checked = localStorage.getItem("companion.sound") === "true"; } catch { /* silent then */ }
compose();
follow($("#live").dataset.events, look, live);
