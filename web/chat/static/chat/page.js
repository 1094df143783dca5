// The page and how things are put on it. Text is only ever set as text; all words stand in the HTML, so that they are there
// when nothing else is.

export const $ = (selector, root = document) => root.querySelector(selector);
export const words = document.body.dataset;
export const [log, pinned, box] = ["#log", "#pinned", "#box"].map((one) => $(one));
export const asList = (value) => (Array.isArray(value) ? value : []);

export function el(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}
export const unseen = (text) => el("span", { className: "vh", textContent: text });
/** A sentence of the page with what belongs into its places. */
export const fill = (text, facts) => text.replace(/\[\[(\w+)\]\]/g, (_, name) => facts[name] ?? "");
export const language = document.documentElement.lang;
export const note = (text) => el("p", { className: "note", textContent: text });
export const button = (text, onclick, className = "") => el("button", { type: "button", textContent: text, className, onclick });

/** A text, letter for letter, with its telephone numbers to tap. */
export function spoken(text) {
  const parts = text.split(/(\b\d{3,4}-\d{3}-\d{3,4}\b)/).map((part, at) => (at % 2 ? el("a", { href: `tel:${part.replaceAll("-", "")}` }, part) : part));
  return el("p", { className: "text" }, ...parts);
}

/** What the assistant says in a template of the page. */
export function fromTemplate(id) {
  const node = $(`#${id}`).content.firstElementChild.cloneNode(true);
  const text = $(".text", node);
  text?.replaceWith(spoken(text.textContent));
  return node;
}

export const toEnd = () => { log.scrollTop = log.scrollHeight; };

/** Bring what the patient just said to the top, so that the answer below it is read from its beginning. */
export function atTop(node) {
  const banner = $(".banner", log);
  const lid = banner && getComputedStyle(banner).position === "sticky" ? banner.offsetHeight : 0;
  log.scrollTop = node.offsetTop - lid - 12;
}
