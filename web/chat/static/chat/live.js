// Replies by staff, as they come: only once somebody was asked to look.

import { request } from "./api.js";
import { tell } from "./frame.js";
import { log, toEnd } from "./page.js";
import { bubble, shown, usable } from "./replies.js";
import { store } from "./store.js";

let listening = false;
export const hush = () => { listening = false; };

export async function listen() {
  if (listening) return;
  listening = true;
  for (let pause = 2000; listening; pause = Math.min(pause * 2, 60000)) {
    try {
      const response = await request("events", { headers: { Accept: "text/event-stream" }, token: store.get("token") });
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
  const { id, reply } = JSON.parse(field("data"));
  if (!usable(reply) || (id && shown.has(id))) return;
  if (id) shown.add(id);
  log.append(...bubble(reply));
  toEnd();
  tell("unread");
}
