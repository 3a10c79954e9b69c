const $ = id => document.getElementById(id);
const controls = {table: $("table-choice"), subset: $("subset-choice"), name: $("name-filter"), reported: $("show-reported")};
const sections = DATA.tables.map(data => {
  const place = document.querySelector(`section[data-key="${data.key}"]`), table = place.querySelector("table.board");
  const hide = document.head.appendChild(document.createElement("style"));
  return {data, place, table, hide, heads: [...table.tHead.rows[0].cells], body: table.tBodies[0], picked: [], sorted: null};
});
for (const name of [...new Set(sections.flatMap(s => s.heads.map(h => h.dataset.subset).filter(Boolean)))]) controls.subset.append(new Option(name, name));

function numberOf(cell) {                 // what stands in a cell, "" for none; words stay words
  const text = cell.firstChild?.textContent.trim() ?? "", value = parseFloat(text);
  return text === "–" ? "" : isNaN(value) ? text : value;
}
function sort(s, column, up) {
  const head = s.heads[column], numeric = head.dataset.kind === "number", key = row => numeric ? numberOf(row.cells[column]) : row.cells[column].tagName === "TH" ? row.dataset.name : row.cells[column].textContent;
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
function load(s) {                        // unpacks the per-face errors of a table once: for each row its runs [S][N], percent
  s.loaded ??= (async () => {
    const {rows, faces, errors} = s.data, bytes = errors ? new Uint8Array(await unpack(errors).arrayBuffer()) : [], half = bytes.length / 2;
    let at = 0;
    return rows.map(row => Array.from({length: row.runs}, () => Float64Array.from({length: faces}, () => { const v = bytes[at] + 256 * bytes[half + at++]; return v === DATA.none ? NaN : v / DATA.units; })));
  })();
  return s.loaded;
}
const mean = values => values.reduce((t, v) => t + v, 0) / values.length;
const variance = values => { const m = mean(values); return values.reduce((t, v) => t + (v - m) ** 2, 0) / (values.length - 1); };
function quantile(free) {                 // Student's 97.5 %: between the numbers that the page brings, even in 1 / free
  const x = (DATA.student.length - 1) / Math.max(free, 1), k = Math.min(Math.floor(x), DATA.student.length - 2);
  return DATA.student[k] * (DATA.student[k + 1] / DATA.student[k]) ** (x - k);
}
function seedsOf(runs) {                  // variance of a run's mean over seeds, without the part that comes of its faces
  if (runs.length < 2) return null;
  const n = runs[0].length, means = runs.map(mean), all = mean(means);
  let rest = 0;
  for (let i = 0; i < n; i++) { const face = mean(runs.map(r => r[i])); runs.forEach((r, k) => { rest += (r[i] - means[k] - face + all) ** 2; }); }
  return Math.max(variance(means) - rest / ((runs.length - 1) * Math.max(n - 1, 1)) / n, 0);
}
function paired(sides, random) {          // as scoring/crossed.py: faces and seeds are crossed random effects
  const n = sides[0][0].length, byFace = Array.from({length: n}, (_, i) => mean(sides[0].map(r => r[i])) - mean(sides[1].map(r => r[i])));
  const found = sides.map(seedsOf), parts = [];
  sides.forEach((side, k) => {
    const other = 1 - k;
    if (found[k] !== null) parts.push({v: found[k] / side.length, free: side.length - 1, whose: k});
    else if (random[k] && found[other] !== null) parts.push({v: found[other], free: sides[other].length - 1, whose: other});
  });
  const seeds = parts.reduce((t, q) => t + q.v, 0), both = new Set(parts.map(q => q.whose)).size > 1 && seeds > 0;
  const free = both ? seeds ** 2 / parts.reduce((t, q) => t + q.v ** 2 / q.free, 0) : parts[0]?.free ?? 1;
  return {value: mean(byFace), half: Math.sqrt(quantile(n - 1) ** 2 * variance(byFace) / n + (seeds ? quantile(free) ** 2 * seeds : 0)), n};
}
async function compare(s) {
  const said = s.place.querySelector(".paired"), [a, b] = s.picked;
  if (b === undefined) { said.textContent = "Tick two rows to compare them face by face."; return; }
  const rows = [a, b].map(i => s.data.rows[i]), names = rows.map(r => r.key), all = await load(s);
  if (s.picked[0] !== a || s.picked[1] !== b) return;
  let sides = [all[a], all[b]];
  if (!sides[0].length || !sides[1].length) { said.textContent = `${names.join(" and ")}: per-face errors are not at hand for both.`; return; }
  const kept = Array.from({length: s.data.faces}, (_, i) => i).filter(i => sides.every(side => side.every(run => !isNaN(run[i]))));
  if (kept.length < 2) { said.textContent = `${names.join(" and ")} have no faces in common.`; return; }
  sides = sides.map(side => side.map(run => kept.map(i => run[i])));
  const {value, half, n} = paired(sides, rows.map(r => r.random)), sign = v => (v >= 0 ? "+" : "−") + Math.abs(v).toFixed(3);
  const verdict = value + half < 0 ? `${names[0]} is better` : value - half > 0 ? `${names[1]} is better` : "no clear difference";
  said.textContent = `${names[0]} minus ${names[1]}: NME ${sign(value)} points, 95 % interval ${sign(value - half)} to ${sign(value + half)} (${n} faces, ${sides.map(x => x.length).join(" and ")} ${sides.every(x => x.length === 1) ? "seed" : "seeds"}): ${verdict}.`;
}
function curveOf(runs, limit) {           // percent of the faces with an error of at most t: mean over the runs, lowest and highest
  const at = Array.from({length: 101}, (_, i) => limit * i / 100);
  const each = runs.map(run => { const e = [...run].filter(v => !isNaN(v)).sort((x, y) => x - y); let k = 0; return at.map(t => { while (k < e.length && e[k] <= t) k++; return 100 * k / e.length; }); });
  const over = f => at.map((_, i) => f(each.map(c => c[i])));
  return each.length > 1 ? {mean: over(mean), low: over(v => Math.min(...v)), high: over(v => Math.max(...v))} : {mean: each[0]};
}
function shownRows(s) { return [...s.body.rows].filter(r => !r.hidden).map(r => +r.dataset.row); }
function draw(s) {
  const details = s.place.querySelector(".figures");
  if (!details.open) return;
  Promise.all([plots(), load(s)]).then(([P, errors]) => {
    const rows = shownRows(s).map(i => ({...s.data.rows[i], colour: DATA.colours[i % DATA.colours.length], dash: DATA.dashes[Math.floor(i / DATA.colours.length) % DATA.dashes.length], curve: errors[i].length ? curveOf(errors[i], s.data.limit) : null})), ced = s.place.querySelector(".ced"), pareto = s.place.querySelector(".pareto");
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
    const off = s.heads.map((head, i) => head.dataset.subset && (subset === "" ? !("main" in head.dataset) : subset !== "*" && head.dataset.subset !== subset) ? i + 1 : 0).filter(Boolean);
    s.hide.textContent = off.length ? `${off.map(i => `section[data-key="${s.data.key}"] table.board tr > :nth-child(${i})`).join(",")} { display: none; }` : "";
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
    s.picked = (state.get(`rows.${s.data.key}`) ?? "").split(".").filter(x => x !== "" && s.body.querySelector(`tr[data-row="${+x}"] input`)).map(Number).slice(0, 2);
  }
  apply();
}
function bars(s) {                        // each interval as a bar below its number, once the table comes near the window
  s.heads.forEach((head, column) => {
    if (!head.dataset.subset) return;
    const cells = [...s.body.rows].map(row => row.cells[column]).filter(cell => cell.querySelector("i")), ends = cells.map(cell => [parseFloat(cell.firstChild.textContent), parseFloat(cell.querySelector("i").textContent.slice(1))]);
    const top = Math.max(...ends.map(([value, half]) => value + half));
    if (top > 0) cells.forEach((cell, i) => {
      const [value, half] = ends[i], low = Math.max(100 * (value - half) / top, 0), bar = document.createElement("span"), inner = bar.appendChild(document.createElement("b"));
      bar.className = "bar interval"; bar.setAttribute("aria-hidden", "true");
      inner.style.left = `${low.toFixed(1)}%`; inner.style.width = `${Math.max(Math.min(100 * (value + half) / top, 100) - low, 0.5).toFixed(1)}%`;
      cell.title = `95 % interval ${(value - half).toFixed(3)} to ${(value + half).toFixed(3)}`;
      cell.append(bar);
    });
  });
}
const near = new IntersectionObserver(entries => entries.filter(e => e.isIntersecting).forEach(e => { near.unobserve(e.target); bars(sections.find(s => s.place === e.target)); }), {rootMargin: "200px"});
for (const s of sections) {
  near.observe(s.place);
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
