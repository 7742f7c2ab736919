
// A table whose rows stay where they are and change in place, so that focus and selection survive. It takes over the rows that
// the server has written.
const MOST_ROWS = 200;

class Table {
  // A column: its label, its class, what it says, what stands small below, and what it is sorted by.
  constructor(name, columns, title, actions, plot) {
    const body = byId(name);
    Object.assign(this, { name, body, columns, title, actions, plot, rows: new Map(), by: null, falling: false, items: [], wanted: "" });
    for (const tr of body.rows) this.rows.set(tr.dataset.key, this.taken(tr));
    this.heads = [...body.parentElement.tHead.rows[0].cells].slice(0, columns.length + 1);
    this.heads.forEach((th, index) => {
      const button = make("button", { type: "button" }, th.textContent);
      th.replaceChildren(button);
      button.addEventListener("click", () => this.sortBy(index));
    });
    this.tools();
  }

  // For narrow screens, where there is no head, and for long tables.
  tools() {
    const place = byId(this.name + "-tools");
    if (!place) return;
    this.select = make("select", {}, make("option", { value: "" }, "as configured"),
      ...this.heads.map((th, index) => make("option", { value: index }, th.textContent)));
    this.select.addEventListener("change", () => this.sortBy(this.select.value === "" ? null : Number(this.select.value)));
    this.filter = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter " + this.name });
    this.filter.hidden = this.rows.size < 10;
    this.filter.addEventListener("input", () => { this.wanted = this.filter.value.toLowerCase(); this.show(this.items); });
    this.more = byId(this.name + "-more");
    place.append(" ", this.filter, " ", make("label", { class: "narrow" }, "Sort by ", this.select));
  }

  sortBy(index) {
    if (this.by === index && !this.falling) this.falling = true;
    else if (this.by === index) { this.by = null; this.falling = false; }
    // Of figures the highest are of interest, of names the first.
    else { this.by = index; this.falling = index > 0 && this.columns[index - 1][1]({}) === "n"; }
    this.heads.forEach((th, place) => {
      if (place === this.by) th.setAttribute("aria-sort", this.falling ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
    if (this.select) this.select.value = this.by ?? "";
    this.show(this.items);
  }

  sorted(items) {
    // Of more than can be shown, those that need somebody.
    const urgent = this.columns[0][0] === "State" && items.length > MOST_ROWS;
    if (this.by === null && !urgent) return items;
    const value = this.by === null ? this.columns[0][4] : this.by === 0 ? item => this.title(item)[0] : this.columns[this.by - 1][4];
    const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    return [...items].sort((a, b) => compare(value(a), value(b)) * (this.falling ? -1 : 1));
  }

  taken(tr) {
    const [head, ...all] = tr.cells;
    const cells = this.columns.map((_, index) => ({ td: all[index], main: all[index].children[0], small: all[index].children[1] }));
    const svg = this.plot ? all[this.columns.length].firstElementChild : null;
    return { tr, name: head.children[0], detail: head.children[1], cells, svg, acts: all[all.length - 1], done: "" };
  }

  row(key) {
    const two = () => [make("span", {}), make("small", {})];
    const tr = make("tr", { role: "row", "data-key": key }, make("th", { scope: "row", role: "rowheader" }, ...two()));
    for (const [label] of this.columns) tr.append(make("td", { role: "cell", "data-label": label }, ...two()));
    if (this.plot) tr.append(make("td", { role: "cell", class: "trend", "data-label": "Open sessions" }, plotted()));
    tr.append(make("td", { role: "cell", class: "actions", "data-label": "Actions" }));
    return this.taken(tr);
  }

  show(items) {
    this.items = items;
    const found = items.filter(item => !this.wanted || this.title(item).join(" ").toLowerCase().includes(this.wanted) || this.wanted === item.state);
    const shown = this.sorted(found).slice(0, MOST_ROWS);
    if (this.more) {
      say(this.more, shown.length < items.length ? `${shown.length} of ${items.length} shown` : "");
      this.filter.hidden = items.length < 10 && !this.wanted;
    }
    const keys = new Set();
    let place = this.body.firstElementChild;
    for (const item of shown) {
      const [name, detail] = this.title(item);
      const key = item.id ?? (detail ? name + " " + detail : name);
      keys.add(key);
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, row = this.row(key));
      if (row.tr === place) place = place.nextElementSibling;
      else this.body.insertBefore(row.tr, place);
      this.fill(row, item, name, detail);
    }
    for (const [key, row] of this.rows) {
      if (!keys.has(key)) { row.tr.remove(); this.rows.delete(key); }
    }
  }

  fill(row, item, name, detail) {
    say(row.name, name);
    say(row.detail, detail);
    this.columns.forEach(([, kind, main, small], index) => {
      const cell = row.cells[index];
      const wanted = kind(item);
      if (cell.td.className !== wanted) cell.td.className = wanted;
      say(cell.main, main(item));
      say(cell.small, small(item));
    });
    if (row.svg) draw(row.svg, this.plot(name), 1);
    const wanted = this.actions(item);
    const done = wanted.map(action => action[0]).join();
    if (row.done !== done) {
      row.done = done;
      row.acts.replaceChildren(...wanted.map(([label, about, act]) => {
        const button = make("button", { type: "button", "aria-label": label + " " + about }, label);
        button.addEventListener("click", () => act(item));
        return button;
      }));
    }
  }
}

const CODE_OF = result => ["no-answer", "wrong-answer", "wrong-status"].includes(result) ? "L7 " : "L4 ";
function checkDetail(checks) {
  if (!checks?.last) return "";
  const run = checks.against ? `, ${checks.against} of ${checks.needed} in a row` : "";
  return `in ${millis(checks.last.took_ms)}, ${span(checks.last.at)} ago${run}`;
}
function stateDetail(b) {
  if (b.drain === null) return (isWeightless(b) ? "weight 0: takes no new sessions; " : "") + b.reason;
  const left = b.drain.sessions_left === 1 ? "1 session left" : b.drain.sessions_left + " sessions left";
  const end = b.drain.done || b.drain.deadline_ms === null ? "" : ", all closed in " + age(b.drain.deadline_ms);
  return b.reason + "; " + left + end;
}
// Those that need somebody come first.
const STATES = ["down", "ejected", "maintenance", "draining", "leaving", "up"];

const BACKEND = [
  ["State", b => "state " + (isWeightless(b) ? "weightless" : b.state), b => `${b.state} for ${span(b.since)}`, stateDetail, b => STATES.indexOf(b.state)],
  ["Last check", b => !b.checks?.last ? "" : b.checks.last.said === null ? "good" : "bad",
    b => !b.checks.last ? "–" : b.checks.last.said === null ? b.checks.last.result : CODE_OF(b.checks.last.result) + b.checks.last.result,
    b => checkDetail(b.checks), b => b.checks.last?.took_ms ?? -1],
  ["Open", () => "n", b => b.active, b => ofLimit(b.max_connections), b => b.active],
  ["New", () => "n", b => rate(b.rates.sessions), b => b.total + " total", b => b.rates.sessions],
  ["To clients", () => "n", b => byteRate(b.rates.bytes_down), b => bytes(b.bytes_down), b => b.rates.bytes_down],
  ["From clients", () => "n", b => byteRate(b.rates.bytes_up), b => bytes(b.bytes_up), b => b.rates.bytes_up],
  ["Connect p50", () => "n", b => millis(b.connect_p50_ms), b => "p99 " + millis(b.connect_p99_ms), b => b.connect_p50_ms ?? -1],
  ["Errors", () => "n", b => b.errors, b => rate(b.rates.errors), b => b.errors],
  ["Weight", () => "n", b => b.weight, b => b.backup ? "backup" : b.weight_share > 0 && b.weight_share < 1 ? percent(b.weight_share * 100) + " now" : "", b => b.weight],
];
const SESSION = [
  ["Service", () => "service", s => s.service ?? "default", () => "", s => s.service ?? "default"],
  ["Backend", () => "", s => s.backend ?? "–", s => s.stage, s => s.backend ?? ""],
  ["Age", () => "n", s => age(s.age_ms), () => "", s => s.age_ms],
  ["To client", () => "n", s => bytes(s.bytes_down), () => "", s => s.bytes_down],
  ["From client", () => "n", s => bytes(s.bytes_up), () => "", s => s.bytes_up],
  ["Rate", () => "n", s => s.rate === undefined ? "–" : byteRate(s.rate), () => "", s => s.rate ?? 0],
];
// `up` is added to each service: how many backends of its pool are up, of how many.
const SERVICE = [
  ["Backends", s => !s.up ? "" : !s.up[0] ? "bad" : s.up[0] < s.up[1] ? "some" : "good", s => s.up ? `${s.up[0]} of ${s.up[1]} up` : "by rule", s => s.pool, s => s.up ? s.up[0] : -1],
  ["Open", () => "n", s => s.active, s => ofLimit(s.limit), s => s.active],
  ["New", () => "n", s => rate(s.rates.sessions), s => s.total + " total", s => s.rates.sessions],
  ["To clients", () => "n", s => byteRate(s.rates.bytes_down), s => bytes(s.bytes_down), s => s.rates.bytes_down],
  ["From clients", () => "n", s => byteRate(s.rates.bytes_up), s => bytes(s.bytes_up), s => s.rates.bytes_up],
  ["Refused", () => "n", s => sum(s.refused), () => "", s => sum(s.refused)],
];
