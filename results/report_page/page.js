"use strict";
const byId = (id) => document.getElementById(id);
const root = document.documentElement;

function theme(dark) {
  root.style.colorScheme = dark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", String(dark));
  byId("theme").textContent = dark ? "Light" : "Dark";
}
const preferred = window.matchMedia("(prefers-color-scheme: dark)");
preferred.addEventListener("change", (event) => theme(event.matches));
byId("theme").addEventListener("click", () => theme(root.style.colorScheme !== "dark"));
byId("theme").hidden = byId("filter").hidden = false;

const canaries = [...document.querySelectorAll(".canary")];
function filter() {
  const words = byId("text").value.toLowerCase(), kind = byId("kind").value, fault = byId("fault").value;
  let shown = 0;
  for (const canary of canaries) {
    const fits = (!kind || canary.dataset.kind === kind)
      && (!fault || canary.dataset.evidence.split(" ").includes(fault))
      && (!words || canary.textContent.toLowerCase().includes(words));
    canary.hidden = !fits;
    shown += fits;
  }
  byId("count").textContent = `${shown} of ${canaries.length} shown`;
}
function mark() {
  const wanted = (byId("fault").value || byId("fault").dataset.shown).split(" ");
  for (const found of document.querySelectorAll("mark"))
    found.classList.toggle("on", found.dataset.of.split(" ").some((key) => wanted.includes(key)));
}
function least(canary, key) {
  const gains = [...canary.querySelectorAll(`li[data-key="${key}"]`)].map((chip) => Number(chip.dataset.gain));
  return Math.min(0, ...gains);
}
function order() {
  const key = byId("order").value, given = [...document.querySelectorAll(".canary")];
  const ranked = key ? given.sort((a, b) => least(a, key) - least(b, key)) : [...canaries];
  byId("canaries").append(...ranked);
}
byId("filter").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["text", "kind", "fault"]) byId(id).addEventListener("input", filter);
byId("fault").addEventListener("input", mark);
byId("order").addEventListener("input", order);
byId("diff").addEventListener("change", (event) => document.body.classList.toggle("diff", event.target.checked));

function step(by) {
  const open = [...document.querySelectorAll(".canary:not([hidden])")];
  const at = open.indexOf(document.activeElement.closest(".canary"));
  const next = open[at < 0 ? (by > 0 ? 0 : open.length - 1) : Math.min(open.length - 1, Math.max(0, at + by))];
  if (next) { next.focus({ preventScroll: true }); next.scrollIntoView(); }
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search], select");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); byId("text").focus(); }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
});

filter();
theme(preferred.matches);
