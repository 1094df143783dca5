// The patient's chat. Text is only ever set as text; every word of the assistant comes from the server's release.
// The lines, the outage words and all labels stand in the HTML, so that they are there when nothing else is.

const API = "/api/chat/";
const GIVE_UP_MS = 12000; // the server answers within six seconds or says why not
const SLOW_MS = 5000;
const COUNT_FROM = 500; // characters left when the counter appears
const SAFE_LINK = /^(tel:|sms:|https:\/\/)/;
const URGENT = ["crisis", "emergency"];

const $ = (selector, root = document) => root.querySelector(selector);
const words = document.body.dataset;
const [log, pinned, help, menu, form, box, count] = ["#log", "#pinned", "#help", "#menu", "#composer", "#box", "#count"].map((s) => $(s));
const framed = window.parent !== window;
const labels = new Map(); // choice → label, so that a restored choice reads as what was chosen
const shown = new Set(); // ids of messages on the page
const unsent = new Set(); // turns that failed, tried again when the network is back
let listening = false;

// --- a little storage that also works where the browser forbids it -----------------------------------------------

const memory = {};
const store = {
  get(name) {
    try { return sessionStorage.getItem(name) ?? memory[name]; } catch { return memory[name]; }
  },
  set(name, value) {
    memory[name] = value;
    try { value === undefined ? sessionStorage.removeItem(name) : sessionStorage.setItem(name, value); } catch { /* memory has it */ }
  },
};
const waiting = () => JSON.parse(store.get("waiting") ?? "[]"); // sent by the patient, not answered yet: survives a reload
const keepWaiting = (list) => store.set("waiting", list.length ? JSON.stringify(list) : undefined);

// --- talking to the server -----------------------------------------------------------------------------------------

class Problem extends Error {
  constructor(status, body) {
    super(`${status}`);
    Object.assign(this, { status, replies: body?.replies });
  }
}

async function call(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout?.(GIVE_UP_MS);
  const response = await fetch(API + path, { method, headers, body: body && JSON.stringify(body), signal, credentials: "omit", cache: "no-store" });
  const content = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, content);
  return content ?? {};
}

let starting = null;
/** The conversation's token; the conversation begins with the first message, not with opening the chat. */
function begin() {
  if (store.get("token")) return Promise.resolve(store.get("token"));
  starting ??= call("POST", "conversations", {}).then(({ token }) => {
    if (!token) throw new Problem(502);
    store.set("token", token);
    return token;
  }).finally(() => { starting = null; });
  return starting;
}

/** One call within the conversation. A conversation that is gone (deleted, or the key changed) is begun anew, once. */
async function ask(method, path, body, again = true) {
  const token = await begin();
  try {
    return await call(method, path, body, token);
  } catch (e) {
    if (!again || ![401, 403, 404, 410].includes(e.status)) throw e;
    if (store.get("token") === token) store.set("token", undefined);
    return ask(method, path, body, false);
  }
}

// --- putting things on the page ---------------------------------------------------------------------------------------

function el(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}
/** A text, letter for letter, with its telephone numbers to tap. */
function spoken(text) {
  const parts = text.split(/(\b\d{3,4}-\d{3}-\d{3,4}\b)/).map((part, at) => (at % 2 ? el("a", { href: `tel:${part.replaceAll("-", "")}` }, part) : part));
  return el("p", { className: "text" }, ...parts);
}
const unseen = (text) => el("span", { className: "vh", textContent: text });
const button = (text, onclick, className = "") => el("button", { type: "button", textContent: text, className, onclick });

/** A link with the first part of its label in sight and the whole label in its name. */
function way({ label, href }, cut = ": ") {
  const at = Math.min(...[cut, ": "].map((mark) => label.indexOf(mark)).filter((found) => found > 0));
  const link = el("a", { href }, label.slice(0, at));
  if (at < label.length) link.append(unseen(label.slice(at)));
  if (href.startsWith("https:")) Object.assign(link, { target: "_blank", rel: "noopener noreferrer" });
  return link;
}

/** Links grouped by the line they reach, as in the help panel. */
function lines(links) {
  const groups = new Map();
  for (const link of links) {
    const name = link.label.split(": ").slice(1).join(": ");
    if (!groups.has(name)) groups.set(name, el("p", { className: "ways" }));
    groups.get(name).append(way(link));
  }
  return [...groups].map(([name, ways]) => el("div", { className: "line" }, ...(name ? [el("p", { textContent: name })] : []), ways));
}

/** The few links to begin with: the emergency number, then one to call, one to text, one to chat. */
function first(links) {
  const rest = links.slice(1);
  const picked = [links[0], ...["tel:", "sms:", "https:"].map((scheme) => rest.find(({ href }) => href.startsWith(scheme)))];
  return picked.filter(Boolean);
}

function linkBlock(links) {
  if (links.length < 5) return lines(links);
  const some = first(links);
  const others = links.filter((link) => !some.includes(link));
  return [...lines(some), el("details", { className: "more" }, el("summary", { textContent: words.more }), ...lines(others))];
}

function pin(reply) {
  if (!reply.links.length) return;
  pinned.replaceChildren(el("p", { className: "ways" }, ...first(reply.links).map((link) => way(link, " ("))));
  pinned.hidden = false;
}

function choiceBlock(choices, numbered) {
  const block = el("div", { className: numbered ? "choices numbered" : "choices" });
  block.setAttribute("role", "group");
  block.setAttribute("aria-label", words.choices);
  for (const { label, choice } of choices) {
    labels.set(choice, label);
    const pick = button(label);
    pick.dataset.choice = choice;
    block.append(pick);
  }
  return block;
}

function feedback(message) {
  const block = el("p", { className: "helpful" }, words.helpful + " ");
  const say = (helpful) => () => {
    ask("POST", "feedback", { message, helpful }).catch(() => {});
    block.replaceChildren(words.noted);
    block.tabIndex = -1;
    block.focus({ preventScroll: true });
  };
  block.append(button(words.yes, say(true)), button(words.no, say(false)));
  return block;
}

const usable = (reply) => typeof reply?.text === "string" && reply.text.trim() !== "";
const asList = (value) => (Array.isArray(value) ? value : []);
const cleaned = (reply) => ({
  kind: String(reply.kind ?? "notice"),
  text: reply.text,
  links: asList(reply.links).filter((link) => link?.label && SAFE_LINK.test(link.href)),
  choices: asList(reply.choices).filter((choice) => choice?.label && typeof choice.choice === "string"),
});

function bubble(raw) {
  const reply = cleaned(raw);
  const urgent = URGENT.includes(reply.kind);
  const node = el("div", { className: urgent ? "it card" : "it" });
  if (/^[a-z]+$/.test(reply.kind)) node.classList.add(reply.kind);
  node.append(unseen(`${reply.kind === "staff" ? words.staff : words.it} `), spoken(reply.text));
  node.append(...linkBlock(reply.links));
  if (urgent) pin(reply);
  const parts = [node];
  if (reply.choices.length && reply.kind === "answer") parts.push(el("p", { className: "note", textContent: words.related }));
  if (reply.choices.length) parts.push(choiceBlock(reply.choices, reply.kind === "clarify"));
  return parts;
}

function fromTemplate(id) {
  const node = $(`#${id}`).content.firstElementChild.cloneNode(true);
  $(".text", node).replaceWith(spoken($(".text", node).textContent));
  return node;
}

// --- a turn: what the patient said and what came of it -----------------------------------------------------------------

function addTurn({ text, choice, label }) {
  const said = text ?? label ?? labels.get(choice) ?? choice ?? "";
  const node = el("div", { className: "turn" }, el("div", { className: "you" }, unseen(`${words.you} `), el("p", { className: "text", textContent: said })));
  log.append(node);
  return node;
}

function addReplies(node, { message, replies }) {
  const good = asList(replies).filter(usable);
  node.append(...(good.length ? good.flatMap(bubble) : [fromTemplate("outage")]));
  if (message && good.some((reply) => reply.kind === "answer")) node.append(feedback(message));
  if (message) shown.add(message);
}

/** Bring what the patient just said to the top, so that the answer below it is read from its beginning. */
function atTop(node) {
  const banner = $(".banner", log);
  const lid = banner && getComputedStyle(banner).position === "sticky" ? banner.offsetHeight : 0;
  log.scrollTop = node.offsetTop - lid - 12;
}

/** Send a turn, or send it again: with the same id, so that the server takes it once. */
async function deliver(turn) {
  const { id, text, choice, node } = turn;
  unsent.delete(turn);
  node.querySelectorAll(".fault").forEach((part) => part.remove());
  const dots = el("div", { className: "it busy" }, unseen(words.busy), el("i"), el("i"), el("i"));
  node.append(dots);
  atTop(node);
  const slow = setTimeout(() => {
    const line = fromTemplate("slow");
    line.classList.add("fault");
    dots.before(line);
    atTop(node);
  }, SLOW_MS);
  try {
    const answer = await ask("POST", "messages", { ...(choice === undefined ? { text } : { choice }), client_message_id: id });
    if (!asList(answer.replies).some(usable)) throw new Problem(502);
    node.querySelectorAll(".fault").forEach((part) => part.remove());
    if (!shown.has(answer.message)) addReplies(node, answer);
    keepWaiting(waiting().filter((one) => one.id !== id));
    if (answer.escalation) listen();
  } catch (e) {
    node.querySelectorAll(".fault").forEach((part) => part.remove());
    addFault(turn, e);
  } finally {
    clearTimeout(slow);
    dots.remove();
    atTop(node);
  }
}

/** Not answered: the server's words if it has some that carry the lines, else those in the HTML. The message stays, to be sent again. */
function addFault(turn, problem) {
  const given = asList(problem.replies).filter(usable);
  const blocks = given.some((reply) => asList(reply.links).length) ? given.flatMap(bubble) : [fromTemplate("outage")];
  blocks.forEach((block) => block.classList.add("fault"));
  const again = el("p", { className: "unsent fault" }, `${words.unsent} `, button(words.again, () => {
    box.focus({ preventScroll: true });
    deliver(turn);
  }));
  if ([400, 409, 413, 422].includes(problem.status)) { // refused for what it is: sending it again changes nothing
    again.lastChild.remove();
    keepWaiting(waiting().filter((one) => one.id !== turn.id));
  } else unsent.add(turn);
  turn.node.append(again, ...blocks);
}

function send(said) {
  const turn = { id: newId(), ...said };
  keepWaiting([...waiting(), turn]);
  deliver({ ...turn, node: addTurn(turn) });
}

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A number typed below a numbered choice picks it. */
function numbered(text) {
  const block = [...log.querySelectorAll(".choices")].pop();
  const digit = /^\s*(\d)\s*[.)]?\s*$/.exec(text);
  return digit && block?.classList.contains("numbered") ? block.children[digit[1] - 1] : undefined;
}

function choose(pick) {
  send({ choice: pick.dataset.choice, label: pick.textContent });
}

// --- what was said before: after a reload ------------------------------------------------------------------------------

async function restore() {
  const left = waiting();
  if (!store.get("token")) {
    left.forEach((turn) => deliver({ ...turn, node: addTurn(turn) }));
    return;
  }
  try {
    const past = await call("GET", "conversations/current", undefined, store.get("token"));
    let escalated = false;
    for (const entry of asList(past.messages ?? past.transcript ?? past)) {
      if (left.some((turn) => turn.id === entry.client_message_id)) continue;
      if (entry.kind === "staff") log.append(...bubble(entry));
      else addReplies(addTurn({ text: entry.text || undefined, choice: entry.choice }), entry);
      escalated ||= Boolean(entry.escalation);
    }
    for (const reply of asList(past.notices).filter(usable)) log.append(...bubble(reply));
    if (escalated) listen();
    log.scrollTop = log.scrollHeight;
  } catch (e) {
    if ([401, 403, 404, 410].includes(e.status)) store.set("token", undefined);
    else log.append(fromTemplate("outage"));
  }
  left.forEach((turn) => deliver({ ...turn, node: addTurn(turn) }));
}

// --- replies by staff, as they come: only once somebody was asked to look --------------------------------------------------

async function listen() {
  if (listening) return;
  listening = true;
  for (let pause = 2000; listening; pause = Math.min(pause * 2, 60000)) {
    try {
      const headers = { Accept: "text/event-stream", Authorization: `Bearer ${store.get("token")}` };
      const response = await fetch(`${API}events`, { headers, credentials: "omit", cache: "no-store" });
      if (response.status >= 400 && response.status < 500) break;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = "", part; listening && !(part = await reader.read()).done;) {
        const events = (text + part.value).split("\n\n");
        text = events.pop();
        events.forEach(heard);
        pause = 2000;
      }
    } catch { /* try again after a pause */ }
    await new Promise((resume) => setTimeout(resume, pause));
  }
  listening = false;
}

function heard(event) {
  const field = (name) => event.split("\n").filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join("\n");
  if (field("event") !== "reply") return;
  const reply = JSON.parse(field("data"));
  const id = reply.id ?? reply.message;
  if (!usable(reply) || (id && shown.has(id))) return;
  if (id) shown.add(id);
  log.append(...bubble(reply));
  log.scrollTop = log.scrollHeight;
  tell("unread");
}

// --- the frame around us -----------------------------------------------------------------------------------------------------

const tell = (what) => framed && window.parent.postMessage({ companion: what }, "*"); // words only, nothing of the conversation

/** Leave no trace on the screen and none in this tab, then go somewhere plain. */
function leave(event) {
  event.preventDefault();
  document.body.hidden = true;
  forget();
  const { href } = event.currentTarget;
  tell("leave");
  framed ? setTimeout(() => window.open(href, "_top"), 300) : location.replace(href); // where no embed.js listens
}

function forget() {
  listening = false;
  store.set("token", undefined);
  keepWaiting([]);
  unsent.clear();
}

async function erase() {
  try {
    const told = store.get("token") ? await call("DELETE", "conversations/current", undefined, store.get("token")) : {};
    forget();
    log.replaceChildren(...log.querySelectorAll(".banner, [data-start]"));
    pinned.hidden = true;
    const replies = asList(told.replies).filter(usable);
    const said = replies.length ? replies.flatMap(bubble) : [note(told.detail ?? words.erased)];
    log.append(...said);
  } catch {
    log.append(note(words.kept));
  }
  log.scrollTop = log.scrollHeight;
  box.focus();
}
const note = (text) => el("p", { className: "note", textContent: text });

// --- keys, buttons, and the start -------------------------------------------------------------------------------------------

function counted() {
  const left = box.maxLength - box.value.length;
  count.hidden = left > COUNT_FROM;
  const says = left <= 0 ? words.full : `${Math.floor(left / 50) * 50 || left} ${words.left}`;
  if (count.textContent !== says && !count.hidden) count.textContent = says;
}

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
$("#leave").addEventListener("click", leave);
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
