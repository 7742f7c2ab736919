
"use strict";
const byId = id => document.getElementById(id);
const SPAN = 600; // seconds that the lines show
let points = [];
let may = false;
let token = "";
let asked = null;
let latest = null;

// Figures, as the server writes them.
function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (count >= 1000 && unit + 1 < units.length) { count /= 1000; unit += 1; }
  return (unit ? (Math.floor(count * 10) / 10).toFixed(1) : Math.floor(count)) + " " + units[unit];
}
const rate = n => n <= 0 ? "0/s" : n < 10 ? n.toFixed(1) + "/s" : n.toFixed(0) + "/s";
const byteRate = n => bytes(n) + "/s";
const millis = n => n === null ? "–" : n < 10 ? n.toFixed(2) + " ms" : n < 1000 ? n.toFixed(1) + " ms" : (n / 1000).toFixed(2) + " s";
const percent = n => n.toFixed(0) + " %";
function age(ms) {
  const s = Math.floor(ms / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (s < 1) return Math.floor(ms) + " ms";
  if (s < 60) return s + "." + Math.floor(ms % 1000 / 100) + " s";
  if (m < 60) return m + "m " + s % 60 + "s";
  return h < 24 ? h + "h " + m % 60 + "m" : Math.floor(h / 24) + "d " + h % 24 + "h";
}

// A column: its label, its class, what it says and what stands small below.
const BACKEND = [
  ["State", b => "state " + b.state, b => b.state, stateDetail],
  ["Open", () => "n", b => b.active, b => b.max_connections === null ? "" : "of " + b.max_connections],
  ["New", () => "n", b => rate(b.rates.sessions), b => b.total + " total"],
  ["From clients", () => "n", b => byteRate(b.rates.bytes_up), b => bytes(b.bytes_up)],
  ["To clients", () => "n", b => byteRate(b.rates.bytes_down), b => bytes(b.bytes_down)],
  ["Connect p50", () => "n", b => millis(b.connect_p50_ms), b => "p99 " + millis(b.connect_p99_ms)],
  ["Errors", () => "n", b => b.errors, b => rate(b.rates.errors)],
  ["Weight", () => "n", b => b.weight, b => b.backup ? "backup" : b.weight_share > 0 && b.weight_share < 1 ? percent(b.weight_share * 100) + " now" : ""],
];
const SESSION = [
  ["Backend", () => "", s => s.backend ?? "–", s => s.stage],
  ["Age", () => "n", s => age(s.age_ms), () => ""],
  ["From client", () => "n", s => bytes(s.bytes_up), () => ""],
  ["To client", () => "n", s => bytes(s.bytes_down), () => ""],
  ["Rate", () => "n", s => s.rate === undefined ? "–" : byteRate(s.rate), () => ""],
];

// What tells a backend from those of other pools.
const fullName = b => b.pool ? b.pool + "/" + b.name : b.name;

function stateDetail(b) {
  if (b.drain === null) return b.reason;
  const left = b.drain.sessions_left === 1 ? "1 session left" : b.drain.sessions_left + " sessions left";
  const end = b.drain.done ? "" : b.drain.deadline_ms === null ? "" : ", all closed in " + age(b.drain.deadline_ms);
  return b.reason + "; " + left + end;
}

function say(element, text) {
  text = String(text);
  if (element.textContent !== text) element.textContent = text;
}

function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

function plotted() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["viewBox", "0 0 600 100"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  for (const shape of ["polygon", "polyline"]) svg.append(document.createElementNS("http://www.w3.org/2000/svg", shape));
  return svg;
}

// Rows stay where they are and change in place, so that focus and selection survive.
class Table {
  constructor(body, columns, title, actions, trend) {
    Object.assign(this, { body, columns, title, actions, trend, rows: new Map() });
    body.replaceChildren();
  }

  row(item) {
    const tr = make("tr", { role: "row" });
    const name = make("span", {}), detail = make("small", {});
    tr.append(make("th", { scope: "row", role: "rowheader" }, name, detail));
    const cells = this.columns.map(([label]) => {
      const main = make("span", {}), small = make("small", {});
      const td = make("td", { role: "cell", "data-label": label }, main, small);
      tr.append(td);
      return { td, main, small };
    });
    const svg = this.trend ? plotted() : null;
    if (svg) tr.append(make("td", { role: "cell", "data-label": "Open, last 10 minutes" }, svg));
    const acts = make("td", { role: "cell", class: "actions", "data-label": "Actions" });
    tr.append(acts);
    return { tr, name, detail, cells, svg, acts, done: "" };
  }

  show(items) {
    const keys = new Set();
    let place = this.body.firstElementChild;
    for (const item of items) {
      const [key, detail] = this.title(item);
      const id = item.id ?? key + " " + detail;
      keys.add(id);
      let row = this.rows.get(id);
      if (!row) this.rows.set(id, row = this.row(item));
      if (row.tr === place) place = place.nextElementSibling;
      else this.body.insertBefore(row.tr, place);
      say(row.name, key);
      say(row.detail, detail);
      this.columns.forEach(([, kind, main, small], index) => {
        const cell = row.cells[index];
        const name = kind(item);
        if (cell.td.className !== name) cell.td.className = name;
        say(cell.main, main(item));
        say(cell.small, small(item));
      });
      if (row.svg) draw(row.svg, points.map(point => [point.time, point.backends[key] ?? 0]), 1);
      const wanted = may ? this.actions(item) : [];
      const done = wanted.map(action => action[0]).join();
      if (row.done !== done) {
        row.done = done;
        row.acts.replaceChildren(...wanted.map(([label, act]) => {
          const button = make("button", { type: "button", "aria-label": label + " " + (item.id ? "session of " : "") + key }, label);
          button.addEventListener("click", () => act(item));
          return button;
        }));
      }
    }
    for (const [id, row] of this.rows) {
      if (!keys.has(id)) { row.tr.remove(); this.rows.delete(id); }
    }
  }
}

const backends = new Table(byId("backends"), BACKEND, b => [fullName(b), b.address], backendActions, true);
const sessions = new Table(byId("sessions"), SESSION, s => [s.client, s.id], s => [["End", askEnd]], false);

function backendActions(backend) {
  const set = (state, title, text) => b => ask(title + " " + fullName(b), text, title, state !== "ready",
    deadline => change("POST", "api/v1/backends/" + encodeURIComponent(fullName(b)) + "/" + state, deadline ? { deadline } : undefined, fullName(b) + ": " + title + " done"));
  const all = {
    ready: ["Ready", set("ready", "Put back into service", "It takes new sessions again as soon as it is healthy.")],
    drain: ["Drain", set("drain", "Drain", "It takes no new sessions, but health checks go on.")],
    maintenance: ["Maintenance", set("maintenance", "Take out of service", "It takes no new sessions and health checks stop.")],
  };
  return backend.state === "leaving" ? [] : Object.keys(all).filter(state => state !== backend.admin).map(state => all[state]);
}

function askEnd(session) {
  ask("End the session of " + session.client, "Both connections are closed by reset.", "End it", false,
    () => change("DELETE", "api/v1/sessions/" + session.id, undefined, "Session of " + session.client + " ended"));
}

function ask(title, text, yes, deadline, act) {
  say(byId("ask-title"), title);
  say(byId("ask-text"), text);
  say(byId("ask-yes"), yes);
  byId("ask-deadline").hidden = !deadline;
  byId("deadline").value = "";
  asked = act;
  byId("ask").showModal();
}
byId("ask-no").addEventListener("click", () => byId("ask").close());
byId("ask-yes").addEventListener("click", () => {
  const deadline = byId("ask-deadline").hidden ? "" : byId("deadline").value;
  byId("ask").close();
  asked(deadline);
});

function headers() { return token ? { Authorization: "Bearer " + token } : {}; }

async function change(method, path, body, done) {
  try {
    const answer = await fetch(path, { method, headers: headers(), body: body && JSON.stringify(body) });
    say(byId("news"), answer.ok ? done : "Failed: " + (await answer.text()).trim());
  } catch {
    say(byId("news"), "Failed: no answer");
  }
}

async function rights() {
  const answer = await (await fetch("api/v1/whoami", { cache: "no-store", headers: headers() })).json();
  may = answer.changes;
  const line = byId("rights");
  line.replaceChildren();
  rights.form?.remove();
  if (may) return;
  line.append("Read only: " + answer.why + ". ");
  if (!answer.token) return;
  const input = make("input", { type: "password", autocomplete: "off", "aria-label": "Token" });
  const button = make("button", { type: "submit" }, "Use this token");
  const form = make("form", {}, input, " ", button);
  form.addEventListener("submit", event => { event.preventDefault(); token = input.value; rights(); });
  line.after(form);
  rights.form = form;
}

// Lines over ten minutes: [time in seconds, value], the newest at the right edge.
function draw(svg, values, top) {
  const end = values.length ? values[values.length - 1][0] : 0;
  const high = Math.max(top, ...values.map(value => value[1]));
  const places = values.map(([time, value]) => (SPAN - end + time).toFixed(1) + "," + (98 - 94 * value / high).toFixed(1));
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

function pointOf(time, active, total, list, host) {
  const sum = key => list.reduce((all, backend) => all + backend[key], 0);
  return { time: Date.parse(time) / 1000, active, total, up: sum("bytes_up"), down: sum("bytes_down"),
    cpu: host?.cpu_percent ?? 0, memory: host?.memory_percent ?? 0,
    backends: Object.fromEntries(list.map(backend => [fullName(backend), backend.active])) };
}

function plots() {
  const level = key => points.map(point => [point.time, point[key]]);
  const grown = key => points.slice(1).map((point, index) =>
    [point.time, Math.max(0, point[key] - points[index][key]) / (point.time - points[index].time)]);
  const all = [["active", level("active"), 1, String], ["fresh", grown("total"), 1, rate], ["down", grown("down"), 1, byteRate],
    ["up", grown("up"), 1, byteRate], ["cpu", level("cpu"), 100, percent], ["memory", level("memory"), 100, percent]];
  for (const [name, values, top, format] of all) {
    draw(byId("plot-" + name), values, top);
    const peak = Math.max(0, ...values.map(value => value[1]));
    say(byId("peak-" + name), "peak " + format(peak));
  }
}

// Without those that are leaving.
const members = status => status.pools.flatMap(pool => pool.backends).filter(backend => backend.state !== "leaving");

function headline(status) {
  const all = members(status);
  const up = all.filter(backend => backend.state === "up").length;
  const state = status.draining ? "draining" : status.ready ? "ready" :
    status.pools.some(pool => pool.failing_open) ? "no backend is healthy, using all backends in service" : "no backend is up";
  const lost = status.log_lines_dropped ? `; ${status.log_lines_dropped} log lines lost` : "";
  const shortages = Object.entries(status.sessions.shortages).map(([resource, count]) => `; out of ${resource.replaceAll("_", " ")} ${count} times`);
  return `${state}; ${up} of ${all.length} backends up; sessions: ${status.sessions.active} open, ${status.sessions.total} since the start; up ${age(status.uptime_seconds * 1000)}${lost}${shortages.join("")}`;
}

// For who cannot see the table: what has changed in it.
function announce(before, now) {
  const states = status => new Map(status.pools.flatMap(pool => pool.backends).map(backend => [fullName(backend), backend]));
  const old = states(before);
  const news = [];
  for (const [name, backend] of states(now)) {
    if (old.has(name) && old.get(name).state !== backend.state) news.push(`${name} is ${backend.state}: ${backend.reason}`);
  }
  if (news.length) say(byId("news"), news.join(". "));
}

function show(snapshot) {
  if (latest) announce(latest, snapshot);
  latest = snapshot;
  const list = snapshot.pools.flatMap(pool => pool.backends);
  const up = list.filter(backend => backend.state === "up").length;
  document.title = `${up}/${members(snapshot).length} up, ${snapshot.sessions.active} open – ${byId("name").textContent || "NetSocket balancer"}`;
  addPoint(pointOf(snapshot.time, snapshot.sessions.active, snapshot.sessions.total, list, snapshot.host));
  byId("headline").classList.remove("stale");
  say(byId("headline"), headline(snapshot));
  say(byId("now-active"), snapshot.sessions.active);
  say(byId("now-fresh"), rate(snapshot.rates.sessions));
  say(byId("now-down"), byteRate(snapshot.rates.bytes_down));
  say(byId("now-up"), byteRate(snapshot.rates.bytes_up));
  say(byId("now-cpu"), snapshot.host ? percent(snapshot.host.cpu_percent) : "–");
  say(byId("now-memory"), snapshot.host ? percent(snapshot.host.memory_percent) : "–");
  backends.show(list);
  const services = (snapshot.services ?? []).map(s => make("li", {},
    `${s.name} at ${s.listen.join(" ")}: ${s.pool ? "pool " + s.pool : "pool by rule"}, ${s.active} open, ${s.total} total`));
  byId("services").replaceChildren(...services);
  showSessions(snapshot);
  plots();
}

function showSessions(snapshot) {
  const top = snapshot.top_sessions;
  if (top && byId("order").value === "rate") top.sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0));
  else top?.sort((a, b) => b.age_ms - a.age_ms);
  const shown = top ? top.slice(0, 50) : [];
  const open = snapshot.sessions.active;
  say(byId("sessions-count"), !top ? `${open} open, too many to list every second` :
    shown.length < open ? `${shown.length} of ${open} open` : `${open} open`);
  sessions.show(shown);
}

async function start() {
  byId("order-label").hidden = false;
  byId("order").addEventListener("change", () => latest && showSessions(latest));
  rights().catch(() => {});
  try {
    const { records } = await (await fetch("api/v1/history", { cache: "no-store" })).json();
    for (const r of records) addPoint(pointOf(r.ts, r.active_clients, r.client_count, r.backends ?? [], r));
    plots();
  } catch { /* The events will tell. */ }
  const events = new EventSource("api/v1/events");
  events.addEventListener("snapshot", event => show(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    byId("headline").classList.add("stale");
    document.title = "no answer – NetSocket balancer";
    say(byId("headline"), "No answer from the balancer: the figures are out of date.");
    // What the server has refused for good is asked for again, too.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
}
start();
