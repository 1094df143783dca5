// Replies by staff, as they come: only once somebody was asked to look.

import { request } from "./api.js";
import { tell } from "./frame.js";
import { $, fill, log, toEnd, words } from "./page.js";
import { arrival, bubble, shown, usable } from "./replies.js";
import { store } from "./store.js";

const TYPING_MS = 8000;
let listening = false;
let last; // the event that was heard last: after a lost connection the server goes on from there
export const hush = () => { listening = false; };

export async function listen() {
  if (listening) return;
  listening = true;
  for (let pause = 2000; listening; pause = Math.min(pause * 2, 60000)) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const response = await request("events", { headers, token: store.get("token") });
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
  const kind = field("event");
  last = field("id") || last;
  if (kind === "reply") replied(JSON.parse(field("data")));
  else if (kind === "staff") moved(JSON.parse(field("data")));
}

function replied({ id, reply, staff }) {
  if (!usable(reply) || shown.has(id)) return;
  shown.add(id);
  still();
  log.append(...bubble(reply, staff));
  follow();
  tell("unread");
}

const follow = () => $(".reach:focus-within", log) || toEnd(); // not away from a form that somebody is filling in
const typing = $("#typing");
const still = () => { typing.hidden = true; };
let quiet;
function moved({ state, staff }) {
  clearTimeout(quiet);
  still();
  if (state === "typing") {
    typing.textContent = fill(words.typing, staff);
    typing.hidden = false;
    quiet = setTimeout(still, TYPING_MS);
  } else log.append(...arrival({ state, staff }));
  follow();
}
