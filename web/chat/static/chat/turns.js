// A turn: what the patient said and what came of it. It is sent once, however often it is tried.

import { GONE, Problem, ask, call } from "./api.js";
import { listen } from "./live.js";
import { $, asList, atTop, box, button, el, fromTemplate, log, toEnd, unseen, words } from "./page.js";
import { reach } from "./reach.js";
import { addReplies, arrival, bubble, labels, shown, usable } from "./replies.js";
import { settled, store, wait, waiting } from "./store.js";

const SLOW_MS = 5000;
const AGAIN_MS = 3 * 3600e3; // after so long somebody who goes on is told again what this is
const AWAY_MS = 7 * 24 * 3600e3; // and so is somebody who comes back after so long
const REFUSED = [400, 409, 413, 422]; // for what it is: sending it again changes nothing
export const unsent = new Set(); // turns that failed, tried again when the network is back

function addTurn({ text, choice, label }) {
  const said = text ?? label ?? labels.get(choice) ?? choice ?? "";
  const node = el("div", { className: "turn" }, el("div", { className: "you" }, unseen(`${words.you} `), el("p", { className: "text", textContent: said })));
  log.append(node);
  return node;
}

const clear = (node) => node.querySelectorAll(".fault").forEach((part) => part.remove());

/** Send a turn, or send it again: with the same id, so that the server takes it once. */
export async function deliver(turn) {
  const { id, text, choice, node } = turn;
  unsent.delete(turn);
  clear(node);
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
    if (!asList(answer.replies).some(usable) && answer.handled_by !== "staff") throw new Problem(502);
    clear(node);
    if (!shown.has(answer.message)) addReplies(node, answer);
    settled(id);
    node.append(...reach(answer.escalation));
    if (answer.escalation || answer.handled_by) listen();
  } catch (e) {
    clear(node);
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
  const blocks = given.some((reply) => asList(reply.links).length) ? given.flatMap((reply) => bubble(reply)) : [fromTemplate("outage")];
  blocks.forEach((block) => block.classList.add("fault"));
  const resend = el("p", { className: "unsent fault" }, `${words.unsent} `);
  if (REFUSED.includes(problem.status)) settled(turn.id);
  else {
    unsent.add(turn);
    resend.append(button(words.again, () => {
      box.focus({ preventScroll: true });
      deliver(turn);
    }));
  }
  turn.node.append(resend, ...blocks);
}

const newId = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("-");

/** Say again that nobody is there, in the words of the release. */
function disclose(template) {
  store.set("told", Date.now());
  const once = $(`#${template}`);
  if (once) log.append(fromTemplate(template));
}

export function send(said) {
  const told = Number(store.get("told"));
  if (!told) store.set("told", Date.now());
  else if (Date.now() - told > AGAIN_MS) disclose("reminder");
  const turn = { id: newId(), ...said };
  wait(turn);
  deliver({ ...turn, node: addTurn(turn) });
}

/** Something that was said before: by staff, or by the patient with the reply to it. */
function again(entry) {
  if (entry.staff) {
    shown.add(entry.id);
    log.append(...(entry.state ? arrival(entry) : asList(entry.replies).filter(usable).flatMap((reply) => bubble(reply, entry.staff))));
    return;
  }
  const node = addTurn({ text: entry.text || undefined, choice: entry.choice });
  addReplies(node, entry);
  node.append(...reach(entry.escalation));
  if (entry.escalation || entry.handled_by) listen();
}

/** What was said before: after a reload. Then what was left without an answer is sent again. */
export async function restore() {
  const left = waiting();
  if (store.get("token")) {
    try {
      const past = await call("GET", "conversations/current");
      const entries = asList(past.messages);
      entries.forEach((entry) => left.some((turn) => turn.id === entry.client_message_id) || again(entry));
      const before = Date.parse(entries.at(-1)?.received_at ?? entries.at(-1)?.at);
      if (Date.now() - before > AWAY_MS) disclose("welcome_back");
      toEnd();
    } catch (e) {
      if (GONE.includes(e.status)) store.set("token", undefined);
      else log.append(fromTemplate("outage"));
    }
  }
  left.forEach((turn) => deliver({ ...turn, node: addTurn(turn) }));
}
