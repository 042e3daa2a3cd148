// What the monitor was started with, to read.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";

const ABBREVIATIONS = new Set(["mqtt", "url", "uri", "jsonl"]);

export async function startSettings() {
  const { settings } = await ask("api/settings");
  const groups = Object.entries(settings);
  const plain = groups.filter(([, value]) => !isGroup(value));
  const cards = groups.filter(([, value]) => isGroup(value)).map(([name, value]) => card(name, value));
  if (plain.length > 0) cards.unshift(card("general", Object.fromEntries(plain)));
  byId("settings").replaceChildren(...(cards.length > 0 ? cards : [el("p", { class: "empty" }, "This monitor was started without settings of its own.")]));
}

function isGroup(value) {
  return typeof value === "object" && value !== null;
}

function card(name, value) {
  return el("section", { class: "card" }, el("div", { class: "card-head" }, el("h2", {}, words(name))), table(value));
}

function table(value) {
  const isList = Array.isArray(value);
  const rows = Object.entries(value).flatMap(([name, each]) => [el("dt", {}, isList ? title(each, name) : words(name)), el("dd", {}, shown(each))]);
  return rows.length > 0 ? el("dl", {}, ...rows) : el("p", { class: "note" }, "none");
}

function title(value, place) {
  return isGroup(value) && value.name ? String(value.name) : `${Number(place) + 1}`;
}

function shown(value) {
  if (Array.isArray(value) && value.every((each) => !isGroup(each))) return value.length > 0 ? value.join(", ") : "none";
  if (isGroup(value)) return table(value);
  if (value === null) return "not set";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

function words(name) {
  return ABBREVIATIONS.has(name) ? name.toUpperCase() : name.replaceAll("_", " ");
}
