// What was wrong with the sources, and how they fare.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { home, on } from "./home.js";
import { isGone, isWell, stateWords } from "./sources.js";
import { clockWithSeconds, day } from "./words.js";

export function startHealth() {
  on("sources", showSources);
  on("trouble", load);
  on("missed", load);
  showSources();
  return load();
}

function showSources() {
  const cards = [...home.sources.values()].filter((source) => !isGone(source)).map(card);
  byId("health-sources").replaceChildren(...(cards.length > 0 ? cards : [el("p", { class: "empty" }, "No source is listened to.")]));
}

function card(source) {
  const lost = source.lost_seconds > 0 ? `${source.lost_seconds.toFixed(1)} s of sound were lost since the start.` : "No sound was lost.";
  const lines = [...source.complaints.map((each) => each.message), source.message].filter(Boolean);
  const state = isWell(source) ? source.state : "unwell";
  return el("article", { class: "source card", data: { state }, "aria-label": source.name },
    el("div", { class: "card-head" }, el("h2", {}, source.name), el("span", { class: "state" }, stateWords(source))),
    el("div", { class: "troubles" }, ...lines.map((line) => el("p", {}, line))),
    el("p", { class: "note" }, lost));
}

async function load() {
  const { health } = await ask("api/health", { limit: 100 });
  const rows = health.map(row);
  byId("troubles").replaceChildren(rows.length > 0 ? el("ul", { class: "log" }, ...rows) : nothing());
}

function row(trouble) {
  const date = new Date(trouble.time);
  return el("li", { data: { over: String(trouble.is_over) } },
    el("time", { datetime: trouble.time }, el("span", {}, day(date)), " ", clockWithSeconds(date)),
    el("span", { class: "where" }, trouble.source),
    el("span", { class: "pill" }, trouble.is_over ? "right again" : trouble.complaint),
    el("span", { class: "why" }, trouble.is_over ? over(trouble) : trouble.message));
}

function over({ complaint, message }) {
  return message.startsWith("is over") ? `${complaint} ${message}` : `${complaint}: ${message}`;
}

function nothing() {
  return el("p", { class: "empty" }, "Nothing was wrong with any source so far.");
}
