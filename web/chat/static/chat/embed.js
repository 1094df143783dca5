// Puts the clinic's chat on a page: <script src="https://…/embed.js" async></script> and nothing else.
// The button lives in a closed shadow root, the chat in a frame from our origin: the page around it reads neither.
(() => {
  const script = document.currentScript;
  const origin = new URL(script.src).origin;
  const said = /* words */ {}; // filled in by the server, by language; with the lines, for when the frame cannot load
  const page = (script.dataset.lang || document.documentElement.lang || navigator.language).slice(0, 2).toLowerCase();
  const language = said[page] ? page : "en";
  const words = said[language];
  const label = script.dataset.label || words.open;
  const exit = script.dataset.exit || "https://www.google.com/";
  const READY_WITHIN_MS = 6000;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host { all: initial !important; position: static !important; }
    * { box-sizing: border-box; font: 600 16px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
    [hidden] { display: none !important; }
    .launch { position: fixed; inset-block-end: max(20px, env(safe-area-inset-bottom)); inset-inline-end: 20px; z-index: 2147483000;
      display: flex; align-items: center; gap: 10px; min-block-size: 52px; padding: 0 20px 0 16px; border: 2px solid transparent; border-radius: 26px;
      background: #0d5b5e; color: #fff; cursor: pointer; box-shadow: 0 4px 18px rgb(0 0 0 / .28); }
    .launch:hover { background: #0a4a4d; }
    .launch:focus-visible { outline: 3px solid #0d5b5e; outline-offset: 3px; box-shadow: 0 0 0 3px #fff; }
    .launch svg { inline-size: 24px; block-size: 24px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
    .new::after { content: ""; inline-size: 12px; block-size: 12px; border-radius: 50%; background: #ffd166; }
    .frame { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483001; inline-size: min(420px, calc(100vw - 40px));
      block-size: min(720px, calc(100vh - 40px)); border: 1px solid #b9c8c6; border-radius: 16px; overflow: hidden; background: Canvas; color: CanvasText;
      box-shadow: 0 12px 48px rgb(0 0 0 / .3); }
    iframe { display: block; inline-size: 100%; block-size: 100%; border: 0; }
    .away { position: absolute; inset: 0; padding: 16px; overflow: auto; background: Canvas; }
    .away * { font-weight: 400; }
    .away a { display: block; margin-block: 8px; padding: 10px 14px; border: 1px solid; border-radius: 8px; color: LinkText; }
    .away button { min-block-size: 44px; padding-inline: 16px; }
    @media (max-width: 480px), (max-height: 560px) {
      .frame { inset: 0; inline-size: 100%; block-size: 100%; border: 0; border-radius: 0; }
    }
    @media (prefers-color-scheme: dark) { .frame { border-color: #3a4d4b; } .launch { border-color: #8fd3cb; } }
    @media (forced-colors: active) { .launch { border-color: ButtonText; } }
    @media print { .launch, .frame { display: none; } }
  `);

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "closed" });
  root.adoptedStyleSheets = [sheet];
  const make = (tag, props) => Object.assign(document.createElement(tag), props);
  const drawn = (name, marks) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [mark, value] of Object.entries(marks)) node.setAttribute(mark, value);
    return node;
  };

  const launch = make("button", { type: "button", className: "launch" });
  const icon = drawn("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  icon.append(drawn("path", { d: "M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12h5" }));
  launch.append(icon, label);
  launch.setAttribute("aria-expanded", "false");
  launch.setAttribute("aria-haspopup", "dialog");
  const box = make("div", { className: "frame", hidden: true });
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-label", words.frame);
  for (const part of [launch, box]) part.lang = language;
  root.append(launch, box);

  let frame = null;
  let ready = false;
  const tell = () => ready && frame.contentWindow.postMessage({ companion: "open" }, origin);

  function load() {
    if (frame) return;
    frame = make("iframe", { title: words.frame, src: `${origin}/chat/?lang=${language}`, referrerPolicy: "origin" });
    box.append(frame);
    setTimeout(() => ready || away(), READY_WITHIN_MS);
  }

  // The frame never said that it runs: give the lines from here.
  function away() {
    const panel = make("div", { className: "away" });
    panel.append(make("p", { textContent: words.away }));
    for (const { label: text, href } of words.links) panel.append(make("a", { href, textContent: text }));
    panel.append(make("button", { type: "button", textContent: words.close, onclick: close }));
    panel.addEventListener("keydown", ({ key }) => key === "Escape" && close());
    box.append(panel);
    frame.addEventListener("load", () => ready && panel.remove());
    if (!box.hidden) panel.lastChild.focus();
  }

  function open() {
    load();
    box.hidden = false;
    launch.hidden = true;
    launch.classList.remove("new");
    launch.removeAttribute("aria-label");
    launch.setAttribute("aria-expanded", "true");
    frame.focus();
    tell();
  }

  function close() {
    box.hidden = true;
    launch.hidden = false;
    launch.setAttribute("aria-expanded", "false");
    launch.focus();
  }

  launch.addEventListener("click", open);
  for (const hint of ["pointerenter", "focus"]) launch.addEventListener(hint, load, { once: true });
  window.addEventListener("message", ({ origin: from, source, data }) => {
    if (from !== origin || !frame || source !== frame.contentWindow) return;
    if (data?.companion === "ready") {
      ready = true;
      box.querySelector(".away")?.remove();
      if (!box.hidden) tell();
    } else if (data?.companion === "close") close();
    else if (data?.companion === "leave") location.replace(exit);
    else if (data?.companion === "unread" && box.hidden) {
      launch.classList.add("new");
      launch.setAttribute("aria-label", `${label}. ${words.unread}`);
    }
  });
  const place = () => document.body.append(host);
  document.body ? place() : document.addEventListener("DOMContentLoaded", place);
})();
