// Keeps the queue fresh: asks every few seconds, rebuilds the rows as text (no markup from data), announces what is new.
const table = document.getElementById("queue");
const body = table.tBodies[0];
const title = document.title;
const EVERY = 4000;

function cell(row, content, name = "") {
  const td = row.insertCell();
  td.className = name;
  if (typeof content === "string") td.textContent = content;
  else td.append(content);
}

function draw(rows) {
  const focused = document.activeElement?.closest?.("tr")?.dataset.id;
  const known = new Set([...body.rows].map((row) => row.dataset.id));
  body.replaceChildren();
  for (const data of rows) {
    const row = body.insertRow();
    row.dataset.id = data.id;
    if (data.urgent) row.className = "urgent";
    const tier = document.createElement("span");
    tier.className = `tier ${data.tier}`;
    tier.textContent = data.tier_words;
    const link = document.createElement("a");
    link.href = data.url;
    link.textContent = data.text;
    cell(row, tier);
    cell(row, link);
    cell(row, data.reason);
    cell(row, data.age, "short");
    cell(row, data.who || "nobody yet");
    if (data.id === focused) link.focus();
  }
  document.getElementById("none").hidden = rows.length > 0;
  const fresh = rows.filter((row) => !known.has(row.id)).length;
  if (fresh) document.getElementById("news").textContent = `${fresh} new: ${new Date().toLocaleTimeString()}`;
  const open = rows.filter((row) => row.state === "open").length;
  document.title = open ? `(${open}) ${title}` : title;
}

async function refresh() {
  const freshness = document.getElementById("freshness");
  try {
    const response = await fetch(table.dataset.source, { headers: { Accept: "application/json" }, redirect: "manual" });
    if (!response.ok) throw new Error("refused");
    draw((await response.json()).rows);
    freshness.textContent = "";
  } catch {
    freshness.textContent = "It cannot be refreshed at the moment: reload the page, or sign in again.";
  }
  setTimeout(refresh, EVERY);
}

setTimeout(refresh, EVERY);
