"use strict";
document.documentElement.classList.add("scripted");
const DATA = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
let plotly = null;
function unpack(text) {                  // gzipped bytes in base64 -> a Response
  const packed = Uint8Array.from(atob(text.trim()), c => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
}
function plots() {                       // unpacks the plot library once, when it is first wanted
  plotly ??= (async () => {
    const code = await unpack(document.getElementById("plots").textContent).text();
    const script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
    return window.Plotly;
  })();
  return plotly;
}
function whenSeen(element, draw) {       // draws when the place comes near the window, and again when the colours turn
  let seen = false;
  const run = () => { seen = true; plots().then(P => draw(P)); };
  const watcher = new IntersectionObserver(entries => { if (entries.some(e => e.isIntersecting)) { watcher.disconnect(); run(); } }, {rootMargin: "300px"});
  watcher.observe(element);
  addEventListener("beforeprint", () => { if (!seen) { watcher.disconnect(); run(); } });
  dark.addEventListener("change", () => { if (seen) run(); });
}
function look(x, y) {
  const style = getComputedStyle(document.documentElement), get = name => style.getPropertyValue(name).trim();
  const axis = title => ({title: {text: title}, gridcolor: get("--line"), zerolinecolor: get("--line"), linecolor: get("--line"), automargin: true});
  return {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: get("--ink"), family: "system-ui, sans-serif", size: 13},
    xaxis: axis(x), yaxis: axis(y), margin: {l: 60, r: 20, t: 20, b: 50}, hovermode: "closest", legend: {orientation: "h", y: -0.18}};
}
const PLAIN = {displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"]};
function curveTraces(method, limit) {
  const one = method.curve.mean ? method.curve : {mean: method.curve}, n = one.mean.length;
  const t = Array.from({length: n}, (_, i) => limit * i / (n - 1)), traces = [];
  if (one.low) traces.push({x: [...t, ...t.slice().reverse()], y: [...one.high, ...one.low.slice().reverse()], fill: "toself", fillcolor: method.colour + "33", line: {width: 0}, hoverinfo: "skip", showlegend: false, type: "scatter", mode: "lines"});
  traces.push({x: t, y: one.mean, name: method.key, line: {color: method.colour, dash: method.dash, width: 2}, mode: "lines", type: "scatter", hovertemplate: "%{y:.1f} % of the faces have at most %{x:.2f} %<extra>%{fullData.name}</extra>"});
  return traces;
}
