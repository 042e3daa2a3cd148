// The last day at a glance: a lane per kind of sound, a dot per quarter of an hour in which it was heard.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { on, say } from "./home.js";
import { clock } from "./words.js";

const HOURS = 24;
const QUARTER = 15 * 60 * 1000;
const RELOAD_MILLISECONDS = 60_000;
const SOON_MILLISECONDS = 1_500;
const LABEL_EVERY_HOURS = 4;

export function startTimeline() {
  let timer = 0;
  const load = async () => {
    clearTimeout(timer);
    timer = setTimeout(load, RELOAD_MILLISECONDS);
    try {
      show(await ask("api/timeline", { hours: HOURS }));
    } catch {
      // the connection's state is shown at the top; the next minute tries again
    }
  };
  on("heard", ({ stage }) => {
    if (stage === "changed") return;
    clearTimeout(timer);
    timer = setTimeout(load, SOON_MILLISECONDS);
  });
  byId("timeline").addEventListener("keydown", walk);
  return load();
}

function show({ since, until, events, is_cut: isCut }) {
  const from = new Date(since);
  const span = new Date(until) - from;
  const lanes = Map.groupBy ? Map.groupBy(events, (event) => event.top) : grouped(events);
  const names = [...lanes.keys()].sort();
  const rows = names.map((name) => lane(name, lanes.get(name), from, span));
  const note = isCut ? [el("p", { class: "note" }, "More was heard than can be drawn: the newest is shown.")] : [];
  if (rows.length === 0) rows.push(el("p", { class: "empty" }, "Nothing was heard in the last 24 hours."));
  const focused = document.activeElement?.dataset?.key;
  byId("timeline").replaceChildren(...rows, axis(from, span), ...note);
  const dots = byId("timeline").querySelectorAll(".dot");
  if (dots.length > 0) dots[dots.length - 1].tabIndex = 0;
  if (focused) byId("timeline").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function grouped(events) {
  const groups = new Map();
  for (const event of events) groups.set(event.top, [...(groups.get(event.top) ?? []), event]);
  return groups;
}

function lane(name, events, from, span) {
  const quarters = new Map();
  for (const event of events) {
    const quarter = Math.floor(new Date(event.onset) / QUARTER) * QUARTER;
    quarters.set(quarter, [...(quarters.get(quarter) ?? []), event]);
  }
  const dots = [...quarters].sort(([a], [b]) => a - b).map(([quarter, heard]) => dot(name, quarter, heard, from, span));
  return el("div", { class: "lane" }, el("span", { class: "lane-name" }, name), el("div", { class: "lane-line" }, ...dots));
}

function dot(top, quarter, events, from, span) {
  const told = events.filter((event) => event.outcome === "reported").length;
  const names = [...new Set(events.map((event) => event.name))].join(", ");
  const until = new Date(quarter + QUARTER);
  const words = `${clock(new Date(quarter))} to ${clock(until)}: ${names}; ${told} of ${events.length} reported`;
  const button = el("button", {
    type: "button", class: told > 0 ? "dot told" : "dot held", "aria-label": words, title: words, tabIndex: -1,
    data: { key: `${top} ${quarter}` },
    on: { click: () => open(top, new Date(quarter), until) },
  });
  const middle = Math.max(from.getTime(), quarter + QUARTER / 2) - from;
  button.style.setProperty("--at", Math.min(1, middle / span).toFixed(4));
  button.style.setProperty("--size", (1 + Math.min(0.7, Math.log2(events.length) / 6)).toFixed(2));
  return button;
}

function open(node, since, until) {
  location.hash = "#events";
  say("search", { node, since, until });
}

function axis(from, span) {
  const labels = [];
  const first = new Date(from);
  first.setMinutes(0, 0, 0);
  for (let time = first.getTime(); time <= from.getTime() + span; time += 3600_000) {
    const date = new Date(time);
    if (time < from || date.getHours() % LABEL_EVERY_HOURS !== 0) continue;
    const label = el("span", {}, clock(date));
    label.style.setProperty("--at", ((time - from) / span).toFixed(4));
    labels.push(label);
  }
  return el("div", { class: "lane hours", "aria-hidden": "true" }, el("span", { class: "lane-name" }), el("div", { class: "lane-line" }, ...labels));
}

function walk(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const dots = [...byId("timeline").querySelectorAll(".dot")];
  const at = dots.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  const next = dots[at + step];
  if (!next) return;
  dots[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
