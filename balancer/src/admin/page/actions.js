
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
  const set = (state, title, text) => b => ask(title + " " + fullName(b), text + (state === "ready" ? "" : alone(b)), title, state !== "ready",
    deadline => change("POST", "api/v1/backends/" + encodeURIComponent(fullName(b)) + "/" + state, deadline ? { deadline } : undefined, fullName(b) + ": " + title + " done"));
  const name = fullName(backend);
  const all = {
    ready: ["Ready", name, set("ready", "Put back into service", "It takes new sessions again as soon as it is healthy.")],
    drain: ["Drain", name, set("drain", "Drain", "It takes no new sessions, but health checks go on.")],
    maintenance: ["Maintenance", name, set("maintenance", "Take out of service", "It takes no new sessions and health checks stop.")],
  };
  return !may || backend.state === "leaving" ? [] : Object.keys(all).filter(state => state !== backend.admin).map(state => all[state]);
}

function sessionActions(session) {
  return may ? [["End", "session of " + session.client, askEnd]] : [];
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
