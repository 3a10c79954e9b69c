const $ = id => document.getElementById(id), RESAMPLES = 2000;
const controls = {table: $("table-choice"), subset: $("subset-choice"), name: $("name-filter"), reported: $("show-reported")};
const sections = DATA.tables.map(data => {
  const place = document.querySelector(`section[data-key="${data.key}"]`), table = place.querySelector("table.board");
  return {data, place, table, heads: [...table.tHead.rows[0].cells], body: table.tBodies[0], picked: [], sorted: null};
});
for (const name of [...new Set(sections.flatMap(s => s.heads.map(h => h.dataset.subset).filter(Boolean)))]) controls.subset.append(new Option(name, name));

function sort(s, column, up) {
  const head = s.heads[column], numeric = head.dataset.kind === "number", key = row => row.cells[column].dataset.sort ?? "";
  const rows = [...s.body.rows].sort((a, b) => {
    const x = key(a), y = key(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    const order = numeric && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y, undefined, {numeric: true});
    return up ? order : -order;
  });
  s.heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  s.body.append(...rows);
  s.sorted = [column, up];
}
function errorsOf(s, row) {
  const text = s.data.rows[row].errors;
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}
function compare(s) {
  const said = s.place.querySelector(".paired"), [a, b] = s.picked;
  if (b === undefined) { said.textContent = "Tick two rows to compare them face by face."; return; }
  const names = [a, b].map(i => s.data.rows[i].key), [x, y] = [a, b].map(i => errorsOf(s, i));
  if (!x || !y) { said.textContent = `${names.join(" and ")}: per-face errors are not at hand for both.`; return; }
  const d = [];
  for (let i = 0; i < x.length; i++) if (x[i] !== s.data.none && y[i] !== s.data.none) d.push((x[i] - y[i]) / s.data.units);
  const mean = d.reduce((t, v) => t + v, 0) / d.length;
  let state = 12345;                      // a small generator with a fixed seed: the same page says the same
  const random = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 4294967296; };
  const means = Float64Array.from({length: RESAMPLES}, () => { let t = 0; for (let i = 0; i < d.length; i++) t += d[Math.floor(random() * d.length)]; return t / d.length; }).sort();
  const low = means[Math.floor(0.025 * RESAMPLES)], high = means[Math.ceil(0.975 * RESAMPLES) - 1], sign = v => (v >= 0 ? "+" : "−") + Math.abs(v).toFixed(3);
  const verdict = high < 0 ? `${names[0]} is better` : low > 0 ? `${names[1]} is better` : "no clear difference";
  said.textContent = `${names[0]} minus ${names[1]}: NME ${sign(mean)} points, 95 % interval ${sign(low)} to ${sign(high)} (bootstrap over ${d.length} faces, mean of each row's seeds): ${verdict}.`;
}
function shownRows(s) { return [...s.body.rows].filter(r => !r.hidden).map(r => +r.dataset.row); }
function draw(s) {
  const details = s.place.querySelector(".figures");
  if (!details.open) return;
  plots().then(P => {
    const rows = shownRows(s).map(i => s.data.rows[i]), ced = s.place.querySelector(".ced"), pareto = s.place.querySelector(".pareto");
    P.react(ced, rows.filter(r => r.curve).flatMap(r => curveTraces(r, s.data.limit)), look("error, percent of the normalising distance", "percent of the faces"), PLAIN);
    const which = s.place.querySelector(".cost-choice"), points = rows.filter(r => r.value != null && r.cost[which.value]);
    const layout = look(which.selectedOptions[0].textContent, s.heads.find(h => "main" in h.dataset)?.dataset.metric ?? "");
    layout.xaxis.type = "log"; layout.showlegend = false;
    P.react(pareto, points.map(r => ({x: [r.cost[which.value]], y: [r.value], text: [r.key], mode: "markers+text", textposition: "top center", marker: {color: r.colour, size: 11}, type: "scatter", cliponaxis: false, hovertemplate: "%{text}: %{y:.3f} at %{x:.4g}<extra></extra>"})), layout, PLAIN);
  });
}
function apply() {
  const subset = controls.subset.value, words = controls.name.value.toLowerCase();
  for (const s of sections) {
    s.place.hidden = Boolean(controls.table.value) && controls.table.value !== s.data.key;
    s.heads.forEach((head, i) => {
      if (!head.dataset.subset) return;
      const off = subset === "" ? !("main" in head.dataset) : subset !== "*" && head.dataset.subset !== subset;
      head.hidden = off;
      for (const row of s.body.rows) row.cells[i].hidden = off;
    });
    for (const row of s.body.rows) row.hidden = (row.classList.contains("reported") && !controls.reported.checked) || !row.dataset.name.toLowerCase().includes(words);
    for (const row of s.body.rows) { const box = row.querySelector("input[type=checkbox]"); if (box) box.checked = s.picked.includes(+row.dataset.row); }
    compare(s);
    draw(s);
  }
}
function keep() {                         // the address holds what was picked, so that a link shows the same
  const state = new URLSearchParams();
  if (controls.table.value) state.set("table", controls.table.value);
  if (controls.subset.value) state.set("subset", controls.subset.value);
  if (controls.name.value) state.set("name", controls.name.value);
  if (!controls.reported.checked) state.set("reported", "0");
  for (const s of sections) {
    if (s.sorted) state.set(`sort.${s.data.key}`, s.sorted.map(Number).join("."));
    if (s.picked.length) state.set(`rows.${s.data.key}`, s.picked.join("."));
  }
  history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
}
function restore() {
  const state = new URLSearchParams(location.hash.slice(1)), has = (select, value) => [...select.options].some(o => o.value === value) ? value : "";
  controls.table.value = has(controls.table, state.get("table") ?? "");
  controls.subset.value = has(controls.subset, state.get("subset") ?? "");
  controls.name.value = state.get("name") ?? "";
  controls.reported.checked = state.get("reported") !== "0";
  for (const s of sections) {
    const [column, up] = (state.get(`sort.${s.data.key}`) ?? "").split(".");
    if (column && s.heads[column]?.querySelector("button")) sort(s, +column, up === "1");
    s.picked = (state.get(`rows.${s.data.key}`) ?? "").split(".").filter(x => x !== "" && s.data.rows[x]?.measured).map(Number).slice(0, 2);
  }
  apply();
}
for (const s of sections) {
  s.heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => { sort(s, column, head.getAttribute("aria-sort") !== "ascending"); keep(); }));
  s.body.addEventListener("change", event => {
    const row = +event.target.closest("tr").dataset.row;
    s.picked = event.target.checked ? [...s.picked, row].slice(-2) : s.picked.filter(i => i !== row);
    apply(); keep();
  });
  s.place.querySelector(".figures").addEventListener("toggle", () => draw(s));
  s.place.querySelector(".cost-choice").addEventListener("input", () => draw(s));
}
for (const control of Object.values(controls)) control.addEventListener("input", () => { apply(); keep(); });
$("reset").addEventListener("click", () => { history.replaceState(null, "", location.pathname + location.search); for (const s of sections) { s.picked = []; s.heads.forEach(h => h.removeAttribute("aria-sort")); s.body.append(...[...s.body.rows].sort((a, b) => a.dataset.row - b.dataset.row)); s.sorted = null; } restore(); });
addEventListener("hashchange", restore);
dark.addEventListener("change", () => sections.forEach(draw));
restore();
