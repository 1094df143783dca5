// What this tab remembers: the conversation's token, and messages that have no answer yet. Where the browser forbids storage
// the page's own history entry holds it, so that a reload brings it back there too.

const memory = { ...history.state?.companion };

export const store = {
  get(name) {
    try { return sessionStorage.getItem(name) ?? memory[name]; } catch { return memory[name]; }
  },
  set(name, value) {
    try {
      value === undefined ? sessionStorage.removeItem(name) : sessionStorage.setItem(name, value);
    } catch {
      memory[name] = value;
      history.replaceState({ companion: memory }, "");
    }
  },
};
export const waiting = () => JSON.parse(store.get("waiting") ?? "[]"); // sent by the patient, not answered yet
const keep = (list) => store.set("waiting", list.length ? JSON.stringify(list) : undefined);
export const wait = (turn) => keep([...waiting(), turn]);
export const settled = (id) => keep(waiting().filter((one) => one.id !== id));

export function forget() {
  for (const name of ["token", "waiting", "told", "reached"]) store.set(name, undefined);
}
