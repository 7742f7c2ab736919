
// Lines over the last minutes: small ones everywhere, and a big one of what was chosen.
const SPAN = 600; // seconds that the lines show at most
const SHORTEST = 10; // and at least, so that they fill their width from the first seconds
const KEPT = 256; // backends whose past is known, as in the records of the balancer
const PARTS = 6; // backends that have a line of their own in the big one
const MEAN = 4.5; // seconds that a rate is the mean of, at least: five samples, whose times are not exact
let points = [];
const MARKED = 2000; // changes that are kept to be marked, the latest
const LOSSES = ["down", "ejected", "draining", "maintenance", "leaving", "weight 0"];
const changes = new Map(); // state changes by what tells them apart: time, text, whether it is for the better

function plotted() {
  const svg = shape("svg", { viewBox: "0 0 600 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(shape("polygon", {}), shape("polyline", {}));
  return svg;
}

// The time that the lines show: from, to.
function shown() {
  if (!points.length) return [0, SHORTEST];
  const end = points[points.length - 1].time;
  return [end - Math.min(SPAN, Math.max(SHORTEST, end - points[0].time)), end];
}

// [time in seconds, value], the newest at the right edge.
function draw(svg, values, top) {
  const [from, to] = shown();
  const high = values.reduce((high, value) => Math.max(high, value[1]), top);
  const places = values.map(([time, value]) => (600 * (time - from) / (to - from)).toFixed(1) + "," + (98 - 94 * value / high).toFixed(1));
  const [area, line] = svg.children;
  line.setAttribute("points", places.join(" "));
  const first = places.length ? places[0].split(",")[0] : 0;
  area.setAttribute("points", places.length ? first + ",100 " + places.join(" ") + " 600,100" : "");
}

function addPoint(point) {
  if (points.length && point.time <= points[points.length - 1].time) return;
  points.push(point);
  while (points.length && point.time - points[0].time > SPAN) points.shift();
}

// Takes in state changes, in any order. Whether all of them are news: then others may have been missed.
function addChanges(list) {
  let news = 0;
  for (const past of list) {
    const name = (past.pool === "default" ? "" : past.pool + "/") + past.backend;
    const key = [past.at, name, past.from, past.to].join(" ");
    if (changes.has(key)) continue;
    changes.set(key, { time: Date.parse(past.at) / 1000, good: !LOSSES.includes(past.to), text: `${name} ${past.to}` });
    news += 1;
  }
  if (changes.size > MARKED) {
    const old = [...changes].sort((a, b) => b[1].time - a[1].time).slice(MARKED);
    for (const [key] of old) changes.delete(key);
  }
  return news > 0 && news === list.length;
}

// `rates`: as the balancer has them; of the past there are only totals.
function pointOf(time, active, total, list, host, rates) {
  const kept = list.length > KEPT ? [...list].sort((a, b) => b.active - a.active).slice(0, KEPT) : list;
  const all = key => list.reduce((all, backend) => all + backend[key], 0);
  return { time: Date.parse(time) / 1000, active, total, up: all("bytes_up"), down: all("bytes_down"), rates,
    cpu: host?.cpu_percent ?? 0, memory: host?.memory_percent ?? 0,
    backends: Object.fromEntries(kept.map(b => [fullName(b), { active: b.active, total: b.total, up: b.bytes_up, down: b.bytes_down, rates: b.rates }])) };
}

// The values of a tile: `of` a point, all or one backend.
const level = (of, key) => points.map(point => [point.time, of(point)?.[key] ?? 0]);
const grown = (of, key) => points.slice(1).map((point, index) => {
  const known = of(point)?.rates;
  if (known) return [point.time, known[RATES[key]]];
  let before = index;
  while (before > 0 && point.time - points[before].time < MEAN) before -= 1;
  const total = point => of(point)?.[key] ?? 0;
  return [point.time, Math.max(0, total(point) - total(points[before])) / (point.time - points[before].time)];
});
const RATES = { total: "sessions", up: "bytes_up", down: "bytes_down" };
const TILES = {
  active: ["Open sessions", level, "active", 1, count], fresh: ["New sessions", grown, "total", 1, rate],
  down: ["Bytes to clients", grown, "down", 1, byteRate], up: ["Bytes from clients", grown, "up", 1, byteRate],
  cpu: ["Host CPU", level, "cpu", 100, percent], memory: ["Host memory", level, "memory", 100, percent],
};
// What begins and ends between two samples is in a total, but in no level.
const NOTHING = { active: "no session was open at the moments measured, one a second", total: "no session began in this time", down: "nothing was sent to clients in this time",
  up: "nothing came from clients in this time", cpu: "no load at the moments measured", memory: "not known" };
const valuesOf = name => TILES[name][1](point => point, TILES[name][2]);
const valuesOfBackend = (name, backend) => TILES[name][1](point => point.backends[backend], TILES[name][2]);

function plots() {
  for (const [name, [, , , top, unit]] of Object.entries(TILES)) {
    const values = valuesOf(name);
    draw(document.querySelector(`[data-plot=${name}] svg`), values, top);
    say(byId("peak-" + name), "peak " + unit(values.reduce((peak, value) => Math.max(peak, value[1]), 0)));
  }
  chart.draw();
}

const chart = {
  chosen: "active",
  at: null, // the place of the cross, as an index from the end
  choose(name) {
    this.chosen = name;
    this.at = null;
    for (const figure of document.querySelectorAll("[data-plot]")) {
      const is = figure.dataset.plot === name;
      figure.classList.toggle("chosen", is);
      figure.querySelector("button").setAttribute("aria-pressed", is);
    }
    this.draw();
  },
  start() {
    for (const figure of document.querySelectorAll("[data-plot]")) {
      const label = figure.querySelector("figcaption span");
      const button = make("button", { type: "button" }, label.textContent);
      label.replaceChildren(button);
      button.addEventListener("click", () => this.choose(figure.dataset.plot));
    }
    const plot = byId("chart-plot");
    plot.addEventListener("pointermove", event => {
      const box = plot.getBoundingClientRect();
      this.near(this.from + (event.clientX - box.left - this.left) / (box.width - this.left) * (this.to - this.from));
    });
    plot.addEventListener("pointerleave", () => { this.at = null; this.draw(); });
    plot.addEventListener("keydown", event => {
      const step = { ArrowLeft: 1, ArrowRight: -1, PageUp: 30, PageDown: -30 }[event.key];
      if (step) { this.at = Math.max(0, (this.at ?? 0) + step); event.preventDefault(); }
      else if (event.key === "Escape") this.at = null;
      else return;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(plot);
    this.choose(this.chosen);
  },
  near(time) {
    const values = valuesOf(this.chosen);
    let best = 0;
    values.forEach((value, index) => { if (Math.abs(value[0] - time) < Math.abs(values[best][0] - time)) best = index; });
    this.at = values.length - 1 - best;
    this.draw();
  },
  draw() {
    const [title, , key, top, unit] = TILES[this.chosen];
    const values = valuesOf(this.chosen);
    // An empty chart is no picture of anything.
    if (values.length) byId("chart").hidden = false;
    const plot = byId("chart-plot");
    const { width, height } = plot.getBoundingClientRect();
    [this.from, this.to] = shown();
    say(byId("chart-title"), `${title}, last ${age((this.to - this.from) * 1000).replace(/\.\d/, "")}`);
    if (!width || !values.length) return;
    const high = ceiling(values.reduce((high, value) => Math.max(high, value[1]), top), this.chosen);
    const bottom = height - 18;
    this.left = 62;
    const x = time => this.left + (width - this.left) * (time - this.from) / (this.to - this.from);
    const y = value => bottom - (bottom - 8) * value / high;
    const line = values => values.map(([time, value]) => x(time).toFixed(1) + "," + y(value).toFixed(1)).join(" ");
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const parts = [];
    for (let step = 0; step <= 4; step += 1) {
      const value = high * step / 4;
      parts.push(shape("line", { class: "grid", x1: this.left, x2: width, y1: y(value), y2: y(value) }), text(this.left - 6, y(value) + 4, "end", unit(value)));
    }
    const steps = width < 500 ? 2 : 4;
    for (let step = 0; step < steps; step += 1) {
      const time = this.from + (this.to - this.from) * step / steps;
      parts.push(text(x(time), height - 4, step ? "middle" : "start", clock(new Date(time * 1000).toISOString()).slice(0, 8)));
    }
    parts.push(text(width, height - 4, "end", "now"));
    // One line where several fall together: that of a loss, if there is one.
    const lines = new Map();
    for (const mark of changes.values()) {
      const at = Math.round(x(mark.time));
      if (mark.time >= this.from) lines.set(at, mark.good && lines.get(at) !== false);
    }
    for (const [at, good] of lines) parts.push(shape("line", { class: good ? "event up" : "event", x1: at, x2: at, y1: 8, y2: bottom }));
    parts.push(shape("polygon", { points: `${x(values[0][0]).toFixed(1)},${bottom} ${line(values)} ${width},${bottom}` }), shape("polyline", { points: line(values) }));
    // A grid alone does not say that there is nothing to draw.
    if (values.every(([, value]) => value === 0)) parts.push(text(this.left + (width - this.left) / 2, bottom / 2, "middle", NOTHING[key]));
    const names = key === "cpu" || key === "memory" ? [] : busiest();
    if (names.length > 1) names.forEach((name, index) => parts.push(shape("polyline", { class: "part c" + index, points: line(valuesOfBackend(this.chosen, name)) })));
    this.legend(names.length > 1 ? names : [], unit, values, parts, x, y, bottom);
    plot.replaceChildren(...parts);
  },
  // The value under the cross, or the newest, in words as well.
  legend(names, unit, values, parts, x, y, bottom) {
    const index = Math.max(0, values.length - 1 - (this.at ?? 0));
    const [time, value] = values[index];
    if (this.at !== null) {
      parts.push(shape("line", { class: "cross", x1: x(time), x2: x(time), y1: 8, y2: bottom }), shape("circle", { cx: x(time), cy: y(value), r: 3.5, fill: "currentColor" }));
    }
    // Those that are nearer to this value than to its neighbours, which may be further apart than a second.
    const gap = Math.max(time - (values[index - 1]?.[0] ?? time), (values[index + 1]?.[0] ?? time) - time);
    const reach = Math.max(0.6, gap / 2 + 0.1, (this.to - this.from) / 100);
    const near = this.at === null ? [] : [...changes.values()].filter(mark => Math.abs(mark.time - time) <= reach);
    const [named, rest] = firstOf(near.sort((a, b) => a.time - b.time).map(mark => mark.text));
    say(byId("chart-value"), `${this.at === null ? "now" : clock(new Date(time * 1000).toISOString())}: ${unit(value)}${named.length ? " – " + named.join(", ") : ""}${rest ? ` and ${rest} more` : ""}`);
    const all = Object.keys(points[points.length - 1].backends).length;
    const selection = names.length && names.length < all ? [make("span", {}, `the ${names.length} with the most sessions, of ${all} backends`)] : [];
    byId("chart-legend").replaceChildren(...names.map((name, place) => {
      const own = valuesOfBackend(this.chosen, name);
      const dot = make("i", {});
      return make("span", { class: "c" + place }, dot, `${name} ${unit(own[Math.min(index, own.length - 1)]?.[1] ?? 0)}`);
    }), ...selection);
  },
};

function text(x, y, anchor, said) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = said;
  return element;
}

// A round number that is not lower, so that the axis does not move with every value.
function ceiling(high, name) {
  if (name === "cpu" || name === "memory") return 100;
  // The axis has four steps: those of sessions are whole.
  const whole = name === "active";
  const least = whole ? Math.max(4, high) : high;
  const base = 10 ** Math.floor(Math.log10(least));
  const tops = [1, 1.2, 2, 4, 8, 10, 12].map(times => times * base);
  return tops.find(top => top >= least && !(whole && top % 4));
}

// Backends with the most sessions since the start, in the order of their names so that colours stay. Of many, those that have
// had none are left out.
function busiest() {
  const last = points[points.length - 1]?.backends ?? {};
  const names = Object.keys(last);
  return names.length <= PARTS ? names : names.filter(name => last[name].total > 0).sort((a, b) => last[b].total - last[a].total).slice(0, PARTS).sort();
}
