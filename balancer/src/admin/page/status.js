
// The page itself: each event is a whole snapshot.
let latest = null;
const LATEST = 10; // state changes in an event

const tables = {
  services: new Table("services", SERVICE, s => [s.name, s.listen.join(" ")], () => [], null),
  backends: new Table("backends", BACKEND, b => [fullName(b), b.address], backendActions, name => valuesOfBackend("active", name)),
  sessions: new Table("sessions", SESSION, s => [s.client, s.id], sessionActions, null),
};

const WORDS = { ready: "Ready", warning: "Warning", draining: "Stopping", emergency: "Emergency", stale: "No answer" };
const MARKS = { ready: "", warning: "⚠ ", draining: "stopping, ", emergency: "✖ EMERGENCY ", stale: "? no answer, was " };

// State, in the title, the icon and the banner.
function setState(state, headline, summary) {
  byId("banner").className = "banner " + state;
  const icon = byId("icon");
  if (icon.getAttribute("href") !== icon.dataset[state]) icon.setAttribute("href", icon.dataset[state]);
  say(byId("word"), WORDS[state]);
  say(byId("headline"), headline);
  say(byId("summary"), summary);
}

function title(state, snapshot) {
  const backends = snapshot.pools.flatMap(pool => pool.backends);
  const [up, all] = upOf(backends);
  // Those of weight 0 serve nobody new.
  const weightless = backends.filter(isWeightless).length;
  const many = weightless ? `${up - weightless}/${all} serve` : `${up}/${all} up`;
  document.title = `${MARKS[state]}${many}, ${snapshot.sessions.active} open – ${byId("name").textContent}`;
}

function summary(snapshot) {
  const { sessions, pools } = snapshot;
  const places = key => pools.reduce((all, pool) => all + pool[key], 0);
  // While all is well, the headline says how many are up.
  const parts = snapshot.state === "ready" ? [] : [snapshot.backends_up];
  parts.push(`${sessions.active} of at most ${sessions.limit} sessions open`,
    `${sessions.total} since the start`, `${places("queued")} of ${places("queue_limit")} places in the queue taken`);
  if (snapshot.log_lines_dropped) parts.push(`${snapshot.log_lines_dropped} log lines lost`);
  for (const [resource, times] of Object.entries(sessions.shortages)) parts.push(`out of ${resource.replaceAll("_", " ")} ${times} time${times === 1 ? "" : "s"}`);
  return parts.join(" · ");
}

// Commands and keys stand between backticks.
const withCode = said => said.split("`").map((part, index) => index % 2 ? make("code", {}, part) : part);

const sinceOf = since => `${clock(since)}, for ${span(since)}`;

function alertBox(alert, headline) {
  const list = make("dl", {}, make("dt", {}, "Clients"), make("dd", {}, ...withCode(alert.clients)));
  if (alert.since) list.append(make("dt", {}, "Since"), make("dd", { "data-since": alert.since }, sinceOf(alert.since)));
  if (alert.todo.length) list.append(make("dt", {}, "What to do"), ...alert.todo.map(line => make("dd", {}, ...withCode(line))));
  const box = make("div", { class: "alert " + alert.severity });
  if (alert.what !== headline) box.append(make("h3", {}, alert.what));
  box.append(list);
  return box;
}

// Made anew only where something else is said, so that a command can be selected and copied.
function replace(element, said, made) {
  const key = JSON.stringify(said);
  if (replace.said.get(element) === key) return;
  replace.said.set(element, key);
  element.replaceChildren(...made());
}
replace.said = new Map();

function showAlerts(snapshot) {
  replace(byId("alerts"), [snapshot.headline, snapshot.alerts], () => snapshot.alerts.map(alert => alertBox(alert, snapshot.headline)));
  for (const element of document.querySelectorAll("[data-since]")) say(element, sinceOf(element.dataset.since));
}

function showChanges(transitions) {
  replace(byId("changes"), transitions, () => transitions.map(past => make("li", {}, make("time", {}, clock(past.at)),
    " " + (past.pool === "default" ? "" : past.pool + "/") + past.backend + " ", make("b", { class: past.to }, past.to), " ",
    make("small", {}, `was ${past.from}: ${past.reason}`))));
  // Each event has the ten latest.
  if (addChanges(transitions) && transitions.length >= LATEST) loadChanges().catch(() => {});
  tellMoreChanges();
}

// Those that are not in the list are with the others in the API.
function tellMoreChanges() {
  say(byId("changes-more"), changes.size > LATEST ? `${LATEST} of ${changes.size}; all: ` : "");
  byId("changes-all").hidden = changes.size <= LATEST;
}

// All that the balancer knows of.
async function loadChanges() {
  const { transitions } = await (await fetch(here("api/v1/transitions"), { cache: "no-store" })).json();
  addChanges(transitions);
  tellMoreChanges();
}

// For who cannot see the page: what has changed in it. Banner and list show it to the others.
function announce(before, snapshot) {
  const states = status => new Map(status.pools.flatMap(pool => pool.backends).map(backend => [fullName(backend), backend]));
  const old = states(before);
  const news = [];
  for (const [name, backend] of states(snapshot)) {
    if (old.has(name) && old.get(name).state !== backend.state) news.push(`${name} is ${backend.state}: ${backend.reason}`);
  }
  const [named, more] = firstOf(news);
  if (news.length) say(byId("spoken"), named.join(". ") + (more ? `. And ${more} more` : ""));
  if (before.state !== snapshot.state) say(byId("alarm"), snapshot.state === "emergency" ? "Emergency: " + snapshot.headline : "");
}

function poolLine(pool) {
  const [up, all] = upOf(pool.backends);
  const queue = pool.queued ? `, ${pool.queued} of ${pool.queue_limit} places in the queue taken` : "";
  return `${pool.name}: ${up} of ${all} up, ${pool.balance}${queue}${pool.failing_open ? ", failing open" : ""}`;
}

// An event comes every second: without one for so long, the balancer does not answer, although the connection may be there.
const SILENCE_MS = 2500;
const heard = { at: 0, isLost: false };

function stale() {
  const silence = performance.now() - heard.at;
  if (!latest || !(heard.isLost || silence >= SILENCE_MS)) return;
  title("stale", latest);
  setState("stale", "No answer from the balancer", `Last answer ${inSeconds(silence)} ago. What is below is from ${clock(latest.time)}.`);
  replace(byId("alerts"), null, () => []);
  say(byId("alarm"), "No answer from the balancer");
}

function show(snapshot) {
  now = snapshot.time;
  heard.at = performance.now();
  if (byId("alarm").textContent.startsWith("No answer")) say(byId("alarm"), "");
  heard.isLost = false;
  if (latest) announce(latest, snapshot);
  latest = snapshot;
  const list = snapshot.pools.flatMap(pool => pool.backends);
  const host = snapshot.host;
  addPoint(pointOf(snapshot.time, snapshot.sessions.active, snapshot.sessions.total, list, host, snapshot.rates));
  say(byId("name"), snapshot.instance ?? snapshot.host_name ?? snapshot.listen[0] ?? "balancer");
  title(snapshot.state, snapshot);
  setState(snapshot.state, snapshot.headline, summary(snapshot));
  showAlerts(snapshot);
  say(byId("place"), byId("place").textContent.replace(/up [^·]*$/, "up " + inSeconds(snapshot.uptime_seconds * 1000)));
  const rates = snapshot.rates;
  const figures = { active: snapshot.sessions.active, fresh: rate(rates.sessions), down: byteRate(rates.bytes_down), up: byteRate(rates.bytes_up),
    cpu: host ? percent(host.cpu_percent) : "–", memory: host ? percent(host.memory_percent) : "–" };
  for (const [name, figure] of Object.entries(figures)) say(byId("now-" + name), figure);
  byId("pools").replaceChildren(...snapshot.pools.map(pool => make("li", {}, poolLine(pool))));
  const services = snapshot.services ?? [];
  document.body.className = services.length ? "many-services" : "one-service";
  const upBy = new Map(snapshot.pools.map(pool => [pool.name, upOf(pool.backends)]));
  tables.services.show(services.map(service => ({ ...service, up: upBy.get(service.pool) })));
  tables.backends.show(list);
  outdate(list);
  showChanges(snapshot.transitions ?? []);
  showSessions(snapshot);
  plots();
}

function showSessions(snapshot) {
  const top = snapshot.top_sessions;
  const open = snapshot.sessions.active;
  say(byId("sessions-count"), !top ? `${open} open, too many to list every second` :
    top.length < open ? `${top.length} of ${open} open: the oldest and the busiest` : `${open} open`);
  tables.sessions.show(top ?? []);
}

async function start() {
  chart.start();
  rights();
  loadChanges().catch(() => {});
  try {
    const { records } = await (await fetch(here("api/v1/history"), { cache: "no-store" })).json();
    for (const r of records) addPoint(pointOf(r.ts, r.active_clients, r.client_count, r.backends ?? [], r));
    plots();
  } catch { /* The events will tell. */ }
  setInterval(stale, 500);
  const events = new EventSource(here("api/v1/events"));
  events.addEventListener("snapshot", event => show(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    heard.isLost = true;
    if (latest) stale();
    else {
      say(byId("news"), "No events from the balancer: these are the figures of the moment at which the page was loaded.");
    }
    // What the server has refused for good is asked for again, too.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
}
start();
