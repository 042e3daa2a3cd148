// A card per source: how it fares, how loud it is, what it sounds like, what it hears.

import { byId, el } from "./dom.js";
import { home, on } from "./home.js";
import { bytes, Spectrogram } from "./spectrogram.js";
import { TreeBars } from "./tree_bars.js";
import { clock, decibels } from "./words.js";

const QUIETEST_DBFS = -80;
const STATES = {
  starting: "starting", listening: "listening", lost: "connection lost", deaf: "deaf", ended: "ended",
};

const cards = new Map();

export function startSources() {
  on("sources", showAll);
  on("level", (level) => cards.get(level.source)?.showLevel(level));
  showAll();
}

export function stateWords(source) {
  const words = STATES[source.state] ?? source.state;
  return source.since && source.state !== "listening" ? `${words} since ${clock(new Date(source.since))}` : words;
}

export function isWell(source) {
  return ["listening", "starting", "ended"].includes(source.state) && source.complaints.length === 0;
}

export function isGone(source) {
  return source.state === "ended" && source.name.startsWith("browser:");
}

function showAll() {
  const place = byId("sources");
  for (const source of home.sources.values()) {
    if (isGone(source)) {
      cards.get(source.name)?.element.remove();
      cards.delete(source.name);
    } else {
      if (!cards.has(source.name)) {
        cards.set(source.name, new SourceCard(source.name));
        place.append(cards.get(source.name).element);
      }
      cards.get(source.name).showState(source);
    }
  }
  if (cards.size === 0) place.replaceChildren(nothing());
  else place.querySelector(".empty")?.remove();
}

function nothing() {
  return el("p", { class: "empty" }, "No source is listened to. Name one with --source, or under sources in the settings.");
}

class SourceCard {
  constructor(name) {
    this.state = el("span", { class: "state" });
    this.number = el("span", { class: "number" }, "–");
    this.fill = el("span", { class: "level-fill" });
    this.meter = el("div", { class: "level", role: "meter", "aria-label": `Level of ${name}`, "aria-valuemin": `${QUIETEST_DBFS}`, "aria-valuemax": "0" }, this.fill);
    this.spectrogram = new Spectrogram(name);
    this.from = el("span", {}, "");
    this.bars = new TreeBars();
    this.trouble = el("div", { class: "troubles" });
    this.element = el("article", { class: "source card", "aria-label": name },
      el("div", { class: "card-head" }, el("h2", {}, name), this.state),
      this.trouble,
      el("div", { class: "picture" }, this.spectrogram.canvas, el("p", { class: "axis", "aria-hidden": "true" }, this.from, el("span", {}, "now"))),
      el("div", { class: "level-row" }, this.meter, this.number),
      this.bars.element);
  }

  showState(source) {
    this.state.textContent = stateWords(source);
    this.element.dataset.state = isWell(source) ? source.state : "unwell";
    const lines = source.complaints.map((each) => each.message);
    if (source.message && source.state !== "listening") lines.unshift(source.message);
    if (source.lost_seconds > 0) lines.push(`${source.lost_seconds.toFixed(1)} s of sound were lost since the start.`);
    this.trouble.replaceChildren(...lines.map((line) => el("p", {}, line)));
  }

  showLevel(level) {
    this.spectrogram.push(bytes(level.spectrum), new Date(level.time));
    this.from.textContent = this.spectrogram.isFull ? `${Math.round(this.spectrogram.seconds)} s ago` : "";
    const share = Math.min(1, Math.max(0, 1 - level.level_dbfs / QUIETEST_DBFS));
    this.fill.style.setProperty("--share", share.toFixed(3));
    this.meter.setAttribute("aria-valuenow", String(Math.max(QUIETEST_DBFS, Math.min(0, level.level_dbfs))));
    this.number.textContent = decibels(level.level_dbfs);
    if (level.probabilities) this.bars.show(bytes(level.probabilities));
  }
}
