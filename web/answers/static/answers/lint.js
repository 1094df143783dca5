// Shows what lint says of the form while somebody types. The server has the rules; this only asks and shows.
const FIELDS = ["title", "text", "phrasings", "sources", "related", "review_by", "section", "language", "key"];
const PAUSE = 500;

const panel = document.querySelector("[data-lint]");
const form = panel?.closest("form");
let timer, asked = 0;

function list(found, kind, word) {
  return found.map((what) => {
    const line = document.createElement("li");
    line.className = kind;
    line.textContent = `${word}: ${what}`;
    return line;
  });
}

async function look() {
  const mine = ++asked;
  const body = new FormData();
  for (const name of FIELDS) {
    const field = form.elements[name];
    if (field && !field.disabled) body.append(name, field.value);
  }
  body.append("pk", panel.dataset.pk);
  body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const response = await fetch(panel.dataset.lint, { method: "POST", body });
  if (mine !== asked) return; // a later question is on its way
  const lines = panel.querySelector("ul"), summary = panel.querySelector("p");
  if (!response.ok) {
    summary.textContent = "The checks cannot be reached just now. They are made again when you hand in.";
    return lines.replaceChildren();
  }
  const { errors, warnings } = await response.json();
  summary.textContent = errors.length ? `${errors.length} to mend before handing in.` : warnings.length ? "Nothing to mend; please weigh the warnings." : "Nothing to mend.";
  lines.replaceChildren(...list(errors, "error", "Error"), ...list(warnings, "warning", "Warning"));
}

if (form) {
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  });
  look();
}
