"use strict";
const byId = (id) => document.getElementById(id);
const root = document.documentElement;
const plots = JSON.parse(byId("plots").textContent);

function draw() {
  const ink = getComputedStyle(root).getPropertyValue("--ink").trim();
  for (const [name, figure] of Object.entries(plots)) {
    const axis = { color: ink, gridcolor: "#8884", zerolinecolor: "#8888" };
    const layout = { ...figure.layout, font: { color: ink, family: "system-ui, sans-serif" },
      xaxis: { ...figure.layout.xaxis, ...axis }, yaxis: { ...figure.layout.yaxis, ...axis } };
    Plotly.react(byId("plot-" + name), figure.data, layout, { responsive: true, displayModeBar: false });
  }
}

function theme(dark) {
  root.classList.toggle("dark", dark);
  byId("theme").setAttribute("aria-pressed", String(dark));
  draw();
}
const preferred = window.matchMedia("(prefers-color-scheme: dark)");
preferred.addEventListener("change", (event) => theme(event.matches));
byId("theme").addEventListener("click", () => theme(!root.classList.contains("dark")));

const canaries = [...document.querySelectorAll(".canary")];
function filter() {
  const words = byId("text").value.toLowerCase(), kind = byId("kind").value, fault = byId("fault").value;
  let shown = 0;
  for (const canary of canaries) {
    const fits = (!kind || canary.dataset.kind === kind)
      && (!fault || canary.dataset.faults.split(" ").includes(fault))
      && (!words || canary.textContent.toLowerCase().includes(words));
    canary.hidden = !fits;
    shown += fits;
  }
  byId("count").textContent = `${shown} of ${canaries.length} shown`;
}
byId("filter").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["text", "kind", "fault"]) byId(id).addEventListener("input", filter);
byId("diff").addEventListener("change", (event) => document.body.classList.toggle("diff", event.target.checked));

function step(by) {
  const open = canaries.filter((canary) => !canary.hidden);
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
