
// Changes: what is asked before, and what became of them.
let may = false;
let token = "";
let asked = null;

// Taking out the last that serves is said before it is done.
function alone(backend) {
  const pool = latest.pools.find(pool => pool.name === (backend.pool ?? "default"));
  const others = pool?.backends.some(other => other.name !== backend.name && other.state === "up" && other.weight > 0);
  return others ? "" : " No other healthy backend takes sessions now.";
}

function backendActions(backend) {
  const name = fullName(backend);
  // What the button says, what is asked, what the answer to that is, what is done then, and what the consequences are.
  const all = {
    ready: ["Ready", `put ${name} back into service`, "Put back into service", `${name} is back in service`, "It takes new sessions again as soon as it is healthy."],
    drain: ["Drain", `drain ${name}`, "Drain", `${name} is draining`, "It takes no new sessions, but health checks go on."],
    maintenance: ["Maintenance", `take ${name} out of service`, "Take out of service", `${name} is in maintenance`, "It takes no new sessions and health checks stop."],
  };
  const action = ([state, [label, doing, yes, done, text]]) => [label, name, b => ask(doing, text + (state === "ready" ? "" : alone(b)), yes, state !== "ready",
    deadline => change("POST", "api/v1/backends/" + encodeURIComponent(name) + "/" + state, deadline ? { deadline } : undefined, doing, done, { name, state }))];
  return !may || backend.state === "leaving" ? [] : Object.entries(all).filter(([state]) => state !== backend.admin).map(action);
}

function sessionActions(session) {
  return may ? [["End", "session of " + session.client, askEnd]] : [];
}

function askEnd(session) {
  const doing = "end the session of " + session.client;
  ask(doing, "Both connections are closed by reset.", "End the session", false,
    () => change("DELETE", "api/v1/sessions/" + session.id, undefined, doing, `The session of ${session.client} has ended`, null));
}

function ask(doing, text, yes, deadline, act) {
  say(byId("ask-title"), doing[0].toUpperCase() + doing.slice(1) + "?");
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

// The latest action, and what it made of which backend.
const latestAction = { made: null, seen: false, timer: 0 };
const NEWS_MS = 15000;
const SLOW_MS = 1000; // an answer that takes longer is waited for in words

// The balancer's time, also while it does not say it.
function timeNow() {
  const since = now ? Date.parse(now) + performance.now() - heard.at : Date.now();
  return clock(new Date(since).toISOString());
}

// What went well is soon old news. What failed stays until the next action.
function tell(text, isDone, made) {
  clearTimeout(latestAction.timer);
  Object.assign(latestAction, { made, seen: false, timer: isDone ? setTimeout(forget, NEWS_MS) : 0 });
  say(byId("news"), timeNow() + ": " + text);
}

function forget() {
  latestAction.made = null;
  say(byId("news"), "");
}

// Somebody else has put the backend into another state. A snapshot on its way may be older than the action.
function outdate(backends) {
  if (!latestAction.made) return;
  const { name, state } = latestAction.made;
  if (backends.some(b => fullName(b) === name && b.admin === state)) latestAction.seen = true;
  else if (latestAction.seen) forget();
}

async function change(method, path, body, doing, done, made) {
  const failed = why => tell(`Could not ${doing}: ${why}`, false, null);
  const slow = setTimeout(() => tell(`Asked to ${doing}, no answer yet`, false, null), SLOW_MS);
  try {
    const answer = await fetch(here(path), { method, headers: headers(), body: body && JSON.stringify(body) });
    clearTimeout(slow);
    if (answer.ok) return tell(done, true, made);
    failed((await answer.text()).trim());
    // What it may do has changed.
    if (answer.status === 401 || answer.status === 403) rights();
  } catch {
    clearTimeout(slow);
    tell(`Asked to ${doing}, no answer: it may still be done`, false, null);
  }
}

async function whoami() {
  try {
    const answer = await fetch(here("api/v1/whoami"), { cache: "no-store", headers: headers() });
    return await answer.json();
  } catch {
    return { changes: false, why: "no answer to what this page may do", token: false };
  }
}

async function rights() {
  let answer = await whoami();
  const { why } = answer;
  // It may do more without the wrong token than with it.
  if (token && answer.token) {
    token = "";
    answer = await whoami();
  }
  may = answer.changes;
  const line = byId("rights");
  line.replaceChildren();
  rights.form?.remove();
  if (may) return;
  line.append(`Read only: ${why}. `);
  if (!answer.token) return;
  const input = make("input", { type: "password", autocomplete: "off", "aria-label": "Token" });
  const button = make("button", { type: "submit" }, "Use this token");
  const form = make("form", {}, input, " ", button);
  form.addEventListener("submit", event => { event.preventDefault(); token = input.value; rights(); });
  line.after(form);
  rights.form = form;
}
