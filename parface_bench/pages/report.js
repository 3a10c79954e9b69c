const NS = "http://www.w3.org/2000/svg", SHOWN = 12, SIDE = 512;
function svg(name, attributes, parent) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}
function marks(points, edges, colour, numbers, parent) {
  if (!points) return;
  const group = svg("g", {stroke: colour, fill: colour}, parent), there = i => points[i] && points[i][0] != null;
  const path = edges.filter(([a, b]) => there(a) && there(b)).map(([a, b]) => `M${points[a]}L${points[b]}`).join("");
  svg("path", {d: path, fill: "none", "stroke-width": 1.2}, group);
  points.forEach((p, i) => {
    if (!there(i)) return;
    svg("circle", {cx: p[0], cy: p[1], r: 2.2, stroke: "none"}, group);
    if (numbers) { const text = svg("text", {x: p[0] + 4, y: p[1] - 3, "font-size": 11, stroke: "none"}, group); text.textContent = i; }
  });
  return group;
}
for (const section of DATA.sections) {
  const place = document.querySelector(`section[data-key="${section.key}"]`);
  const drawn = section.methods.filter(m => m.curve), ced = document.getElementById("ced-" + section.key);
  if (drawn.length) whenSeen(ced, P => P.react(ced, drawn.flatMap(m => curveTraces(m, section.limit)), look("error, percent of the normalising distance", "percent of the faces"), PLAIN));
  else ced.parentElement.remove();
  const telling = section.methods.filter(m => m.confidence), reliable = document.getElementById("bins-" + section.key), sparse = document.getElementById("left-" + section.key);
  if (reliable) {
    const line = (m, width, more) => ({type: "scatter", line: {color: m.colour, dash: m.dash, width}, name: m.key, ...more});
    whenSeen(reliable, P => P.react(reliable, telling.map(m => line(m, 2, {mode: "lines+markers", x: m.confidence.bins.map((_, i) => i + 1), y: m.confidence.bins.map(b => b.mean), customdata: m.confidence.bins.map(b => [b.low, b.high, b.n, b.q25, b.q75]), hovertemplate: "mean error %{y:.2f} %, quartiles %{customdata[3]:.2f} and %{customdata[4]:.2f}<br>confidence %{customdata[0]:.3g} to %{customdata[1]:.3g}, %{customdata[2]} landmarks<extra>%{fullData.name}</extra>"})), look("group by confidence, surest first", "mean error, percent"), PLAIN));
    const at = n => Array.from({length: n}, (_, i) => 100 * i / (n - 1));
    whenSeen(sparse, P => P.react(sparse, telling.flatMap(m => [line(m, 2, {mode: "lines", x: at(m.confidence.left.length), y: m.confidence.left, hovertemplate: "%{x:.0f} % taken: %{y:.1f} % of the mean error<extra>%{fullData.name}</extra>"}), line(m, 1, {mode: "lines", opacity: .6, showlegend: false, x: at(m.confidence.oracle.length), y: m.confidence.oracle, hovertemplate: "%{x:.0f} % taken by error: %{y:.1f} %<extra>%{fullData.name}</extra>"})]), look("landmarks taken away, percent", "error left, percent of the mean"), PLAIN));
  }
  const gallery = place.querySelector(".gallery");
  if (!gallery) continue;
  const control = Object.fromEntries([...place.querySelectorAll("[data-role]")].map(e => [e.dataset.role, e]));
  const tags = [...new Set(section.faces.flatMap(f => f.tags))].sort();
  for (const tag of tags) control.tag.append(new Option(tag, tag));
  let count = SHOWN;
  const figure = (face, key, method) => {
    const box = document.createElement("figure"), error = method.errors[face.id];
    const picture = svg("svg", {viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", tabindex: 0, "aria-label": `face ${face.id}, error ${error?.toFixed(2) ?? "unknown"} percent`}, box);
    if (face.image) svg("image", {href: face.image, width: SIDE, height: SIDE}, picture);
    const truth = marks(face.truth, section.edges, face.image ? "#3ddc6d" : "#2da44e", control.numbers.checked, picture);
    const found = marks(face.found[key], section.edges, face.image ? "#ff57b5" : "#bf3989", control.numbers.checked, picture);
    const at = control.blend.value / 100;
    truth?.setAttribute("opacity", Math.min(1, 2 - 2 * at));
    found?.setAttribute("opacity", Math.min(1, 2 * at));
    if (!face.image && !truth && !found) { const text = svg("text", {x: SIDE / 2, y: SIDE / 2, "text-anchor": "middle", "font-size": 22, fill: "currentColor"}, picture); text.textContent = "not at hand"; }
    const caption = document.createElement("figcaption"), shown = face.tags.slice(0, 4).join(", ");
    caption.textContent = `${face.id}: ${error?.toFixed(2) ?? "–"} %${shown ? " · " + shown : ""}`;
    const turn = () => box.classList.toggle("large");
    picture.addEventListener("click", turn);
    picture.addEventListener("keydown", e => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); turn(); } });
    box.append(caption);
    return box;
  };
  const draw = () => {
    const method = section.methods.find(m => m.key === control.method.value), sign = control.order.value === "best" ? 1 : -1;
    const wanted = section.faces.filter(f => f.id in method.errors && (!control.tag.value || f.tags.includes(control.tag.value)) && f.id.toLowerCase().includes(control.find.value.toLowerCase()));
    wanted.sort((a, b) => control.order.value === "id" ? a.id.localeCompare(b.id) : sign * (method.errors[a.id] - method.errors[b.id]));
    gallery.replaceChildren(...wanted.slice(0, count).map(f => figure(f, control.method.value, method)));
    control.more.hidden = wanted.length <= count;
  };
  for (const role of ["method", "order", "tag", "find", "blend", "numbers"]) control[role].addEventListener("input", draw);
  control.more.addEventListener("click", () => { count += SHOWN; draw(); });
  draw();
}
