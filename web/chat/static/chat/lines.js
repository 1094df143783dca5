// Ways to reach a person, as links that a telephone can act on.

import { el, pinned, unseen, words } from "./page.js";

const SAFE_LINK = /^(tel:|sms:|https:\/\/)/;
export const safe = (link) => link?.label && SAFE_LINK.test(link.href);

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

export function linkBlock(links) {
  if (links.length < 5) return lines(links);
  const some = first(links);
  const others = links.filter((link) => !some.includes(link));
  return [...lines(some), el("details", { className: "more" }, el("summary", { textContent: words.more }), ...lines(others))];
}

/** Keep the lines of a card in view for the rest of the conversation. */
export function pin(links) {
  if (!links.length) return;
  pinned.replaceChildren(el("p", { className: "ways" }, ...first(links).map((link) => way(link, " ("))));
  pinned.hidden = false;
}
