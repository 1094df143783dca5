// What the server says, put on the page: texts of the release, letter for letter.

import { ask } from "./api.js";
import { linkBlock, pin, safe } from "./lines.js";
import { asList, button, el, fill, fromTemplate, language, note, spoken, unseen, words } from "./page.js";

const URGENT = ["crisis", "emergency"];
export const labels = new Map(); // choice → label, so that a restored choice reads as what was chosen
export const shown = new Set(); // ids of messages on the page

export const usable = (reply) => typeof reply?.text === "string" && reply.text.trim() !== "";
const cleaned = (reply) => ({
  kind: String(reply.kind ?? "notice"),
  text: reply.text,
  language: String(reply.key).startsWith("es:") ? "es" : "en",
  links: asList(reply.links).filter(safe),
  choices: asList(reply.choices).filter((choice) => choice?.label && typeof choice.choice === "string"),
  sources: asList(reply.sources),
  approved: reply.approved,
});

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

/** Who approved a text and when, or that nobody has; and where it comes from. */
function proof({ approved, sources }) {
  const on = approved?.on && new Date(approved.on).toLocaleDateString(language, { dateStyle: "long", timeZone: "UTC" });
  const said = [approved ? fill(words.approved, { by: approved.by, on }) : words.sample];
  if (sources.length) said.push(words.source, sources.join("; "));
  return el("p", { className: "proof", textContent: said.join(" ") });
}

/** Whether an answer helped, and if not, why; and the way to a person. */
function feedback(message) {
  const asked = fromTemplate("helpful");
  const thank = () => asked.replaceChildren(words.noted);
  asked.tabIndex = -1;
  asked.addEventListener("click", ({ target }) => {
    const { helpful, reason } = target.dataset;
    if (!helpful && !reason) return;
    ask("POST", "feedback", { message, helpful: helpful === "true", ...(reason && { reason }) }).catch(() => {});
    helpful === "false" ? asked.replaceChildren(fromTemplate("why")) : thank();
    asked.focus({ preventScroll: true });
  });
  return asked;
}

function person() {
  const pick = button(words.person);
  pick.dataset.choice = "human";
  return pick;
}

/** A reply, with what belongs below it; `staff` is who wrote it where that was a person. */
export function bubble(raw, staff) {
  const reply = cleaned(raw);
  const urgent = URGENT.includes(reply.kind);
  const node = el("div", { className: urgent ? "it card" : "it" });
  if (/^[a-z]+$/.test(reply.kind)) node.classList.add(reply.kind);
  node.append(unseen(`${staff ? words.staff : words.it} `));
  if (staff) node.append(el("p", { className: "from", textContent: [staff.name, staff.role].filter(Boolean).join(", ") }));
  const text = spoken(reply.text);
  if (!staff) text.lang = reply.language;
  node.append(text, ...linkBlock(reply.links));
  if (urgent) pin(reply.links);
  const parts = [node];
  if (reply.kind === "answer") {
    node.append(proof(reply));
    if (reply.choices.length) parts.push(note(words.related));
  }
  if (reply.choices.length) parts.push(choiceBlock(reply.choices, reply.kind === "clarify"));
  return parts;
}

export function addReplies(node, { message, replies, handled_by: by }) {
  const good = asList(replies).filter(usable);
  if (good.length) node.append(...good.flatMap((reply) => bubble(reply)));
  else node.append(by === "staff" ? note(fill(words.sent, { name: present.name })) : fromTemplate("outage"));
  const answer = good.find((reply) => reply.kind === "answer");
  if (message && answer) {
    const offered = asList(answer.choices).some(({ choice }) => choice === "human");
    node.append(el("div", { className: "after" }, feedback(message), ...(offered ? [] : [person()])));
  }
  if (message) shown.add(message);
}

/** A person of the care team comes, or goes. `present` is who was here last. */
export const present = { name: words.staff.replace(/:$/, "") };
export function arrival({ staff, state }) {
  const same = present.state === state && present.name === staff.name;
  Object.assign(present, { name: staff.name, state });
  return same ? [] : [note(fill(state === "joined" ? words.joined : words.left_chat, staff))];
}
