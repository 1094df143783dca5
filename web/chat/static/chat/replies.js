// What the server says, put on the page: texts of the release, letter for letter.

import { ask } from "./api.js";
import { linkBlock, pin, safe } from "./lines.js";
import { asList, button, el, fromTemplate, note, spoken, unseen, words } from "./page.js";

const URGENT = ["crisis", "emergency"];
export const labels = new Map(); // choice → label, so that a restored choice reads as what was chosen
export const shown = new Set(); // ids of messages on the page

export const usable = (reply) => typeof reply?.text === "string" && reply.text.trim() !== "";
const cleaned = (reply) => ({
  kind: String(reply.kind ?? "notice"),
  text: reply.text,
  links: asList(reply.links).filter(safe),
  choices: asList(reply.choices).filter((choice) => choice?.label && typeof choice.choice === "string"),
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

export function bubble(raw) {
  const reply = cleaned(raw);
  const urgent = URGENT.includes(reply.kind);
  const node = el("div", { className: urgent ? "it card" : "it" });
  if (/^[a-z]+$/.test(reply.kind)) node.classList.add(reply.kind);
  node.append(unseen(`${reply.kind === "staff" ? words.staff : words.it} `), spoken(reply.text), ...linkBlock(reply.links));
  if (urgent) pin(reply.links);
  const parts = [node];
  if (reply.choices.length && reply.kind === "answer") parts.push(note(words.related));
  if (reply.choices.length) parts.push(choiceBlock(reply.choices, reply.kind === "clarify"));
  return parts;
}

export function addReplies(node, { message, replies }) {
  const good = asList(replies).filter(usable);
  node.append(...(good.length ? good.flatMap(bubble) : [fromTemplate("outage")]));
  if (message && good.some((reply) => reply.kind === "answer")) node.append(feedback(message));
  if (message) shown.add(message);
}
