// Keeps the queue true to the second: looks again when the server says that something changed, counts the time itself,
// announces what is new or overdue. Rows are filled as text; no markup is made of data.
import { age, chime, follow, remembered } from "./live.js";

const $ = (selector, within = document) => within.querySelector(selector);
const table = $("#queue");
const body = table.tBodies[0];
const plain = document.title;
const words = $("#words").value;
const EVERY = 15000; // who is in the chat changes without a word from the server
let skew = 0; // the server's clock minus ours
let late = new Set();
let open = Number($("[data-c=nobody]").textContent);
let looking = false, again = false;

const now = () => Date.now() + skew;

function fill(row, data) {
  const put = (name, text) => { const node = $(`[data-f=${name}]`, row); if (node.textContent !== text) node.textContent = text; };
  Object.assign(row.dataset, { id: data.id, due: data.due, at: data.at, state: data.state });
  row.className = data.urgent ? "urgent" : "";
  $("[data-f=tier_words]", row).className = `tier ${data.tier}`;
  $("a", row).href = data.url;
  put("tier_words", data.tier_words);
  put("p", `P${data.priority}`);
  put("text", data.text);
  put("reason", data.reason);
  put("who", data.state === "resolved" ? `${data.outcome}, ${data.who}` : data.who || "nobody yet");
  put("here", data.here ? "in the chat" : "gone");
  put("wrote", data.wrote ? "wrote again" : "");
}

function draw(data) {
  skew = Date.parse(data.now) - Date.now();
  const focused = document.activeElement?.closest?.("tr")?.dataset.id;
  const at = [...body.rows].findIndex((row) => row.dataset.id === focused);
  const known = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  const rows = data.rows.map((one) => {
    const row = known.get(one.id) ?? $("#row").content.firstElementChild.cloneNode(true);
    fill(row, one);
    return row;
  });
  if (rows.some((row, i) => body.rows[i] !== row) || rows.length !== body.rows.length) body.replaceChildren(...rows);
  if (focused && !document.activeElement?.closest?.("tr")) ($(`tr[data-id="${focused}"] a`) ?? body.rows[Math.min(at, body.rows.length - 1)]?.querySelector("a"))?.focus();
  for (const [name, count] of Object.entries(data.counts)) $(`[data-c=${name}]`).textContent = count;
  open = data.counts.nobody;
  $("#unreached").hidden = !data.counts.unreached;
  $("#none").hidden = rows.length > 0;
  const fresh = data.rows.filter((one) => !known.has(one.id) && one.state === "open");
  if (fresh.length) say(`New: ${fresh.map((one) => one.tier_words).join(", ")}.`);
  tick();
}

function say(text) {
  $("#news").textContent = text;
  if ($("#sound").checked) chime();
}

/** Every second: ages, time left, what is overdue. */
function tick() {
  const over = new Set();
  for (const row of body.rows) {
    const left = Date.parse(row.dataset.due) - now();
    $("[data-f=age]", row).textContent = age(now() - Date.parse(row.dataset.at));
    const waits = row.dataset.state === "open";
    $("[data-f=left]", row).textContent = !waits ? "" : left < 0 ? `${age(-left)} over` : `in ${age(left)}`;
    row.classList.toggle("late", waits && left < 0);
    if (waits && left < 0) over.add(row.dataset.id);
  }
  const fresh = [...over].filter((id) => !late.has(id));
  if (fresh.length && !tick.first) { say(`${fresh.length} overdue.`); look(); }
  tick.first = false;
  late = over;
  document.title = $("#title-count").checked && open ? `(${open}) ${plain}` : plain;
}
tick.first = true;

async function look() {
  if (looking) { again = true; return; }
  looking = true;
  try {
    const search = words ? { method: "POST", body: new URLSearchParams({ words }), headers: { "X-CSRFToken": table.dataset.csrf } } : {};
    const response = await fetch(table.dataset.source, { redirect: "error", ...search });
    if (!response.ok) throw new Error("refused");
    draw(await response.json());
  } catch {
    live(false);
  }
  looking = false;
  if (again) { again = false; look(); }
}

function live(is) {
  $("#freshness").textContent = is ? "This list is live." : "Not live at the moment: trying again. If this stays, reload the page or sign in again.";
  $("#freshness").classList.toggle("broken", !is);
}

/** Keys count only while the focus is in the list, so that they get in nobody's way. */
async function key(event) {
  const row = event.target.closest("tr");
  if (!$("#keys").checked || !row || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (step) {
    event.preventDefault();
    row[step]?.querySelector("a").focus();
  } else if (event.key.toLowerCase() === "c" && row.dataset.state === "open") {
    event.preventDefault();
    const claim = await fetch(`${$("a", row).href}claim/`, { method: "POST", headers: { "X-CSRFToken": table.dataset.csrf, Accept: "application/json" } });
    $("#news").textContent = claim.ok ? "You have it." : claim.status === 409 ? "Somebody else was first." : "That did not work.";
    look();
  }
}

remembered($("#sound"), false, () => $("#sound").checked && chime());
remembered($("#title-count"), true, tick);
remembered($("#keys"), true);
body.addEventListener("keydown", key);
follow(table.dataset.events, look, live);
setInterval(look, EVERY);
setInterval(tick, 1000);
tick();
