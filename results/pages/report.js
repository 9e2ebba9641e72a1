"use strict";
const byId = (id) => document.getElementById(id);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const root = document.documentElement;
root.classList.add("js");
for (const hidden of [byId("theme"), byId("bar"), ...all(".js[hidden]")]) hidden.hidden = false;

function theme(dark) {
  root.style.colorScheme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "Light" : "Dark";
}
const preferred = window.matchMedia("(prefers-color-scheme: dark)");
preferred.addEventListener("change", (event) => theme(event.matches));
byId("theme").addEventListener("click", () => theme(root.style.colorScheme !== "dark"));
theme(preferred.matches);

// Gains over the run that is chosen, in the table of all canaries and beside each score.
const canaries = all(".canary"), rows = all("#heat tbody tr"), heads = all("#heat thead th");
const steps = byId("heat").dataset.steps.split(" ").map(Number);
const reference = () => Number(byId("against")?.value ?? 0);
const directions = new Map(all("#dimension option").map((option) => [option.value, option.dataset.direction === "up" ? 1 : -1]));
const shown = (value) => value.toFixed(2);
const signed = (gain) => Math.abs(gain) < 0.005 ? "" : (gain > 0 ? "+" : "-") + shown(Math.abs(gain));
function gainOf(cell, base) {
  const at = byId("dimension").selectedIndex;
  const [value, before] = [cell, base].map((link) => link ? Number(link.dataset.v.split(" ")[at]) : NaN);
  return [value, directions.get(byId("dimension").value) * (value - before)];
}
function heat() {
  for (const row of rows) {
    const cells = all("td", row).map((cell) => cell.querySelector("a")), base = cells[reference()];
    for (const cell of cells.filter(Boolean)) {
      const [value, gain] = gainOf(cell, base);
      const step = cell === base ? 0 : steps.filter((least) => Math.abs(gain) >= least).length;
      cell.className = step ? (gain > 0 ? "up" : "down") + step : "";
      cell.textContent = Number.isNaN(value) ? "–" : shown(value);
      if (cell !== base && signed(gain)) cell.append(" ", Object.assign(document.createElement("b"), { textContent: signed(gain) }));
    }
  }
  byId("heat").caption.querySelector("b").textContent = byId("dimension").value;
  const anchors = byId("heat").caption.querySelector("span");
  if (anchors) anchors.textContent = byId("dimension").selectedOptions[0].dataset.anchors || "no writer's figure";
  byId("heat").caption.querySelector("i").textContent = heads[reference() + 1].textContent;
}
function chips() {
  for (const take of all(".take")) {
    const base = take.querySelector(`[data-run="${reference()}"]`);
    const before = new Map(base ? all(".chips li", base).map((chip) => [chip.firstChild.data.split(" ")[0], Number(chip.dataset.v)]) : []);
    for (const answer of take.children) for (const chip of all(".chips li", answer)) {
      const key = chip.firstChild.data.split(" ")[0];
      chip.querySelector("b")?.remove();
      chip.firstChild.data = `${chip.firstChild.data.trim()} `;
      const gain = before.has(key) && answer !== base ? directions.get(key) * (Number(chip.dataset.v) - before.get(key)) : 0;
      if (signed(gain)) chip.append(Object.assign(document.createElement("b"), { textContent: signed(gain), className: gain > 0 ? "better" : "worse" }));
    }
  }
}
function sort(column) {
  const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = (row) => {
    if (!column) return rows.indexOf(row);
    const cells = all("td", row).map((cell) => cell.querySelector("a"));
    const [level, gain] = gainOf(cells[column - 1], cells[reference()]);
    return column - 1 === reference() ? level : gain;
  };
  const last = (number) => Number.isNaN(number) ? Infinity : ascending ? number : -number;
  const ranked = rows.map((row) => [last(value(row)), row]).sort((a, b) => a[0] - b[0] || 0).map(([, row]) => row);
  ranked[0]?.parentNode.append(...ranked);
  byId("canaries").append(...ranked.map((row) => canaries[rows.indexOf(row)]));
}
all("#heat button").forEach((button, column) => {
  button.disabled = false;
  button.addEventListener("click", () => sort(column));
});
byId("dimension").addEventListener("input", heat);

// Marks that leave the text as it is, so that the evidence stays visible under them.
function characters(box) {
  const nodes = document.createTreeWalker(box, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest("summary") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const parts = [];
  let text = "";
  while (nodes.nextNode()) {
    parts.push([text.length, nodes.currentNode]);
    text += nodes.currentNode.data;
  }
  const place = (at) => parts.findLast(([start]) => start <= at);
  const range = (from, to) => {
    const found = new Range(), [first, last] = [place(from), place(to - 1)];
    found.setStart(first[1], from - first[0]);
    found.setEnd(last[1], to - last[0]);
    return found;
  };
  return { text, range };
}
const words = (text) => [...text.matchAll(/\S+/g)];
function added(before, after) {
  const [a, b] = [words(before).map(String), words(after)];
  if (a.length * b.length > 4e6) return []; // the table below would fill the memory
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--)
    longest[i][j] = a[i] === b[j][0] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const found = [];
  for (let i = 0, j = 0; j < b.length;) {
    if (i < a.length && a[i] === b[j][0]) { i++; j++; }
    else if (i < a.length && longest[i + 1][j] >= longest[i][j + 1]) i++;
    else found.push(b[j++]);
  }
  return found.map((word) => [word.index, word.index + word[0].length]);
}
const textOf = (answer) => answer && (answer.querySelector(".text") ?? byId(answer.dataset.same)?.querySelector(".text"));
function differences() {
  const ranges = [];
  if (byId("differences")?.checked) for (const take of all(".take")) {
    const base = textOf(take.querySelector(`[data-run="${reference()}"]`));
    for (const box of all(".text", take)) if (base && box !== base) {
      const { text, range } = characters(box);
      ranges.push(...added(characters(base).text, text).map((span) => range(...span)));
    }
  }
  CSS.highlights?.set("new", new Highlight(...ranges));
}
function filter() {
  const wanted = byId("text").value.toLowerCase(), kind = byId("kind")?.value, hits = [];
  let count = 0;
  canaries.forEach((canary, at) => {
    const fits = (!kind || canary.dataset.kind === kind) && (!wanted || canary.textContent.toLowerCase().includes(wanted));
    canary.hidden = rows[at].hidden = !fits;
    count += fits;
    if (fits && wanted) for (const box of all(".text, .prompt", canary)) {
      const { text, range } = characters(box), low = text.toLowerCase();
      for (let from = low.indexOf(wanted); from >= 0; from = low.indexOf(wanted, from + wanted.length)) {
        hits.push(range(from, from + wanted.length));
        for (let fold = hits.at(-1).startContainer.parentElement.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      }
    }
  });
  CSS.highlights?.set("hit", new Highlight(...hits));
  byId("count").textContent = `${count} of ${canaries.length} canaries`;
}
byId("bar").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["text", "kind"]) byId(id)?.addEventListener("input", filter);
byId("against")?.addEventListener("input", () => { heat(); chips(); differences(); });
byId("differences")?.addEventListener("change", differences);
filter();

// A link to an answer shows the take that it is in.
function open() {
  const answer = byId(decodeURIComponent(location.hash.slice(1))), take = answer?.closest(".take");
  if (!take) return;
  const tab = all(".tabs input", take.parentElement)[all(".take", take.parentElement).indexOf(take)];
  if (tab) tab.checked = true;
  answer.scrollIntoView();
}
window.addEventListener("hashchange", open);
open();
function step(by) {
  const open = all(".canary:not([hidden])"), at = open.indexOf(document.activeElement.closest(".canary"));
  const next = open[at < 0 ? (by > 0 ? 0 : open.length - 1) : Math.min(open.length - 1, Math.max(0, at + by))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView();
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search], select");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); byId("text").focus(); }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
  if (event.key === "d") byId("differences")?.click();
  if (/^[1-9]$/.test(event.key)) for (const tab of all(`.tabs label:nth-of-type(${event.key}) input`)) tab.checked = true;
});
