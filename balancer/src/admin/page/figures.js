
"use strict";
// Figures and times, as the server writes them.
const NAMED = 3; // of a list in a sentence
const byId = id => document.getElementById(id);
// `fetch` takes no address with a password, as that of the page may be.
const here = path => new URL(path, location.origin + location.pathname).href;
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
const count = n => n.toFixed(0);
function age(ms) {
  const s = Math.floor(ms / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (s < 1) return Math.floor(ms) + " ms";
  if (s < 60) return s + "." + Math.floor(ms % 1000 / 100) + " s";
  if (m < 60) return m + "m " + s % 60 + "s";
  return h < 24 ? h + "h " + m % 60 + "m" : Math.floor(h / 24) + "d " + h % 24 + "h";
}
// Ages are by the balancer's clock: that of the browser may be another one.
let now = "";
const inSeconds = ms => ms < 60000 ? Math.floor(ms / 1000) + " s" : age(ms);
const span = since => inSeconds(Math.max(0, Date.parse(now) - Date.parse(since)) || 0);
const clock = time => time.slice(11, 19) + " UTC";

// What tells a backend from those of other pools.
const fullName = b => b.pool ? b.pool + "/" + b.name : b.name;
const ofLimit = limit => limit === null || limit === undefined ? "" : "of " + limit;
const sum = object => Object.values(object ?? {}).reduce((all, one) => all + one, 0);
// Those that are leaving do not count.
function upOf(backends) {
  const all = backends.filter(b => b.state !== "leaving");
  return [all.filter(b => b.state === "up").length, all.length];
}

// What looks as if it served, and does not.
const isWeightless = b => b.state === "up" && b.weight === 0;

// The first of many, and how many more there are; one alone is not worth being left out.
function firstOf(all) {
  const few = all.length === NAMED + 1 ? all : all.slice(0, NAMED);
  return [few, all.length - few.length];
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

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
