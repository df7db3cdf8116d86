/** The page's program. Everything it shows is set as text or as an attribute of its own choice, never as markup. */
export const script = `"use strict";
const STALE_MS = 12000;
const byId = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width:640px)");
let view, heardAt = -Infinity, offset = 0, drawn = "", full = false;

function put(parent, tag, text, attributes) {
  const svg = parent.namespaceURI.endsWith("svg") || tag === "svg";
  const made = document.createElementNS(svg ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}
function tone(element, value) {
  if (value) element.setAttribute("data-tone", value);
  else element.removeAttribute("data-tone");
}
function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}
const now = () => Date.now() + offset;
const ago = (at) => now() - at < 5000 ? "just now" : span(now() - at) + " ago";

function head() {
  byId("host").textContent = view.host;
  document.title = view.headline + " · " + view.host;
  tone(byId("verdict"), view.tone);
  byId("headline").textContent = view.headline;
  byId("detail").textContent = view.detail;
  byId("banner").hidden = !view.banner;
  byId("banner").textContent = view.banner || "";
  const facts = byId("facts");
  facts.replaceChildren();
  for (const fact of view.facts) {
    const box = put(facts, "div");
    put(box, "dt", fact.name);
    tone(put(box, "dd", fact.since === undefined ? fact.value : span(now() - fact.since)), fact.tone);
    put(box, "dd", fact.until === undefined ? fact.note : span(fact.until - now()) + " left to confirm");
  }
  byId("foot").textContent = "devcloud-agent " + view.version + ". This page only shows; nothing can be changed from it.";
}
function problems() {
  byId("wrong").hidden = view.problems.length === 0;
  const list = byId("problems");
  list.replaceChildren();
  for (const problem of view.problems) {
    const item = put(list, "li", undefined, { "data-tone": problem.tone });
    put(item, "p", problem.message);
    if (problem.hint) put(item, "p", problem.hint, { class: "hint" });
    if (problem.code) put(item, "p", problem.code, { class: "code" });
  }
}
function containers() {
  const card = byId("containers");
  card.replaceChildren();
  const { note, list } = view.containers;
  if (note) put(card, "p", note, { class: "empty" });
  if (list.length === 0) return;
  const table = put(card, "table");
  const titles = put(put(table, "thead"), "tr");
  for (const title of ["Name", "State", "Verdict"]) put(titles, "th", title, { scope: "col" });
  const body = put(table, "tbody");
  for (const one of list) {
    const row = put(body, "tr");
    const name = put(row, "td");
    one.name.split("_").forEach((part, i) => { if (i > 0) { name.append("_"); put(name, "wbr"); } name.append(part); });
    put(name, "small", one.image);
    const state = put(row, "td");
    put(state, "span", one.state, { class: "word", "data-tone": one.stateTone });
    const since = one.startedAt === undefined ? "" : "for " + span(now() - one.startedAt);
    put(state, "small", [since, one.health].filter(Boolean).join(", "));
    const verdict = put(row, "td");
    put(verdict, "span", one.verdict, { class: "word", "data-tone": one.tone });
    put(verdict, "small", one.reason);
  }
}
function events() {
  const list = byId("events");
  list.replaceChildren();
  if (view.events.length === 0) put(list, "li", "Nothing since the agent began to serve this page.", { class: "empty" });
  for (const event of view.events) {
    const item = put(list, "li");
    const at = new Date(event.at);
    put(item, "time", ago(event.at), { datetime: at.toISOString(), title: at.toLocaleString() });
    put(item, "span", event.text, { "data-tone": event.tone });
  }
}

/* The wiring, from left to right on a wide screen and from top to bottom on a narrow one. */
function places({ legs, ports }) {
  const at = {};
  const lines = ({ note, state, mark }) => [1, note, state, mark].filter(Boolean).length;
  const tall = Math.max(...legs.map(({ nic, fabric }) => Math.max(lines(nic), lines(fabric))), ...ports.map(lines)) > 3;
  const high = tall ? 110 : 92;
  if (narrow.matches) {
    const h = high - 6, w = (352 - 8 * (legs.length - 1)) / legs.length;
    legs.forEach((_, i) => {
      at["f" + i] = { x: 4 + i * (w + 8), y: 4, w, h };
      at["n" + i] = { x: 4 + i * (w + 8), y: h + 46, w, h };
    });
    const y = 2 * h + 90;
    at.bond = { x: 60, y, w: 240, h: 86 };
    at.bridge = { x: 60, y: y + 124, w: 240, h: 86 };
    ports.forEach((_, i) => { at["p" + i] = { x: 44, y: y + 244 + i * (h + 12), w: 312, h }; });
    return { at, width: 360, height: y + 238 + ports.length * (h + 12) };
  }
  const height = Math.max(legs.length, ports.length) * (high + 20);
  const middle = (i, of) => (height / of) * (i + 0.5);
  legs.forEach((_, i) => {
    const y = (height / 2) + (i - legs.length / 2) * (high + 20) + 10;
    at["f" + i] = { x: 4, y, w: 180, h: high };
    at["n" + i] = { x: 264, y, w: 190, h: high };
  });
  at.bond = { x: 540, y: height / 2 - 46, w: 190, h: 92 };
  at.bridge = { x: 790, y: height / 2 - 46, w: 170, h: 92 };
  ports.forEach((_, i) => { at["p" + i] = { x: 1014, y: middle(i, ports.length) - high / 2, w: 282, h: high }; });
  return { at, width: 1300, height };
}
function edge(svg, from, to, value, spine, whole) {
  let a, b, d;
  if (!narrow.matches) {
    a = [from.x + from.w, from.y + from.h / 2];
    b = [to.x, to.y + to.h / 2];
    const m = (a[0] + b[0]) / 2;
    d = "M" + a + "C" + [m, a[1]] + " " + [m, b[1]] + " " + b;
  } else if (spine) {
    a = [20, from.y + from.h / 2];
    b = [to.x, to.y + to.h / 2];
    d = "M" + [from.x, a[1]] + "L" + a + "L" + [20, b[1]] + "L" + b;
  } else {
    a = [from.x + from.w / 2, from.y + from.h];
    b = [to.x + to.w / 2, to.y];
    const m = (a[1] + b[1]) / 2;
    d = "M" + a + "C" + [a[0], m] + " " + [b[0], m] + " " + b;
  }
  put(svg, "path", undefined, { d, "data-tone": value });
  if (value !== "bad" || spine || whole) return;
  const x = (a[0] + b[0]) / 2, y = (a[1] + b[1]) / 2;
  put(svg, "path", undefined, { class: "cut", "data-tone": "bad", d: "M" + [x - 11, y - 11] + "L" + [x + 11, y + 11] + "M" + [x - 11, y + 11] + "L" + [x + 11, y - 11] });
}
function box(svg, { x, y, w, h }, { name, note, state, mark, tone: value }) {
  put(svg, "rect", undefined, { x, y, width: w, height: h, rx: 12, "data-tone": value });
  const lines = [["name", name], ["soft", note], ["state", state], ["state", mark]].filter(([, text]) => text);
  lines.forEach(([kind, text], i) => {
    const line = put(svg, "text", text, { class: kind, x: x + 16, y: y + h / 2 + 7 + (i - (lines.length - 1) / 2) * 23, "data-tone": value });
    const room = w - 28, length = line.getComputedTextLength();
    if (length > room) { line.setAttribute("textLength", room); line.setAttribute("lengthAdjust", "spacingAndGlyphs"); }
  });
}
function wiring() {
  const key = JSON.stringify(view.wiring) + narrow.matches;
  if (key === drawn) return;
  drawn = key;
  const card = byId("wiring");
  card.replaceChildren();
  const { wiring: shown } = view;
  if (!shown) { put(card, "p", "No network is configured on this host.", { class: "empty" }); return; }
  for (const { text, tone: value } of shown.notices) put(card, "p", text, { class: "notice", "data-tone": value });
  const { at, width, height } = places(shown);
  const svg = put(card, "svg", undefined, { viewBox: "0 0 " + width + " " + height, role: "img", "aria-label": shown.words });
  shown.legs.forEach((leg, i) => {
    edge(svg, at["f" + i], at["n" + i], leg.cable);
    edge(svg, at["n" + i], at.bond, leg.inBond, false, true);
  });
  edge(svg, at.bond, at.bridge, shown.trunk);
  shown.ports.forEach((port, i) => edge(svg, at.bridge, at["p" + i], port.tone === "bad" || port.tone === "warn" ? port.tone : undefined, true));
  shown.legs.forEach((leg, i) => { box(svg, at["f" + i], leg.fabric); box(svg, at["n" + i], leg.nic); });
  box(svg, at.bond, shown.bond);
  box(svg, at.bridge, shown.bridge);
  shown.ports.forEach((port, i) => box(svg, at["p" + i], port));
  if (shown.quiet.length > 0) put(card, "p", "Not ours, and left alone: " + shown.quiet.join("; "), { class: "quiet" });
}
function live() {
  const age = performance.now() - heardAt, stale = age > STALE_MS;
  document.body.classList.toggle("stale", view !== undefined && stale);
  const label = byId("live");
  tone(label, stale ? (view ? "bad" : "wait") : full ? "warn" : "good");
  const text = full ? "Too many look at this host: waiting for a place" : !stale ? "Live" : view ? "Stale for " + span(age) + ": no word from the agent" : "Connecting";
  if (label.textContent !== text) label.textContent = text;
}
function show() {
  byId("main").hidden = false;
  head(); problems(); wiring(); containers(); events(); live();
}
narrow.addEventListener("change", () => { if (view) show(); });

/* EventSource gives up for good where it is answered with an error, such as 503 when too many look: then it is made anew. A page
   whose place another one got asks for a free one only: two pages would take it from each other for ever. */
function connect(ifFree) {
  const source = new EventSource(ifFree ? "/events?if=free" : "/events");
  const again = (free) => { source.close(); setTimeout(connect, 3000 + 2000 * Math.random(), free); };
  source.addEventListener("status", ({ data }) => {
    view = JSON.parse(data);
    heardAt = performance.now();
    full = false;
    offset = view.at - Date.now();
    show();
  });
  source.addEventListener("full", () => { full = true; live(); again(true); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) again(ifFree);
    live();
  });
}
setInterval(() => { live(); if (view && !document.body.classList.contains("stale")) { head(); events(); } }, 1000);
live();
connect(false);
`;
