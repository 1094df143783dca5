// The page around us, on the clinic's website. It is told words only, nothing of the conversation.

export const framed = window.parent !== window;
export const tell = (what) => framed && window.parent.postMessage({ companion: what }, "*");

/** Leave nothing on the screen, then go somewhere plain. */
export function leave({ href }) {
  document.body.hidden = true;
  tell("leave");
  framed ? setTimeout(() => window.open(href, "_top"), 300) : location.replace(href); // where no embed.js listens
}
