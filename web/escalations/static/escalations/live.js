// What the staff pages share: hearing that something has changed, and saying whether we still hear it.

/** Calls `changed` when the server says so; tells `state` whether the page is live. EventSource reconnects by itself. */
export function follow(address, changed, state) {
  const events = new EventSource(address);
  events.addEventListener("changed", changed);
  events.onopen = () => state(true);
  events.onerror = () => state(false);
  return events;
}

/** A choice of this browser, kept where the browser lets us. */
export function remembered(box, fallback, then = () => {}) {
  const name = `companion.${box.id}`;
  try { box.checked = (localStorage.getItem(name) ?? String(fallback)) === "true"; } catch { box.checked = fallback; }
  box.addEventListener("change", () => {
    try { localStorage.setItem(name, String(box.checked)); } catch { /* then for this page only */ }
    then();
  });
}

let audio;
/** Two short notes. Browsers let a page sound only after the person has pressed something on it. */
export function chime() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume().catch(() => {});
  [660, 880].forEach((pitch, i) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + i * 0.18;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.15, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.17);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.18);
  });
}

/** A length of time as the server writes it. */
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
