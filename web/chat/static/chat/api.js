// Talking to the server. The conversation's token travels in a header, never in a cookie or an address.

import { language } from "./page.js";
import { store } from "./store.js";

const API = "/api/chat/";
const GIVE_UP_MS = 12000; // the server answers within six seconds or says why not
export const GONE = [401, 403, 404, 410]; // the conversation: deleted, or the key changed

export class Problem extends Error {
  constructor(status, body) {
    super(`${status}`);
    Object.assign(this, { status, replies: body?.replies });
  }
}

export const request = (path, options) => {
  const headers = { "Accept-Language": language, ...options.headers, ...(options.token && { Authorization: `Bearer ${options.token}` }) };
  return fetch(API + path, { ...options, headers, credentials: "omit", cache: "no-store" });
};

export async function call(method, path, body, token = store.get("token")) {
  const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
  const signal = AbortSignal.timeout?.(GIVE_UP_MS);
  const response = await request(path, { method, headers, body: body && JSON.stringify(body), signal, token });
  const content = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, content);
  return content ?? {};
}

let starting = null;
/** The conversation's token; the conversation begins with the first message, not with opening the chat. */
function begin() {
  if (store.get("token")) return Promise.resolve(store.get("token"));
  starting ??= call("POST", "conversations", {}, null).then(({ token }) => {
    if (!token) throw new Problem(502);
    store.set("token", token);
    return token;
  }).finally(() => { starting = null; });
  return starting;
}

/** One call within the conversation. A conversation that is gone is begun anew, once. */
export async function ask(method, path, body, again = true) {
  const token = await begin();
  try {
    return await call(method, path, body, token);
  } catch (e) {
    if (!again || !GONE.includes(e.status)) throw e;
    if (store.get("token") === token) store.set("token", undefined);
    return ask(method, path, body, false);
  }
}
