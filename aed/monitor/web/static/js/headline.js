// One sentence that says how things stand: what sounds now, what cannot be heard, or that it is quiet.

import { byId } from "./dom.js";
import { home, on } from "./home.js";
import { isGone, isWell } from "./sources.js";
import { ago, list } from "./words.js";

const REFRESH_MILLISECONDS = 20_000;
const RECENT_MILLISECONDS = 10 * 60_000;
const ANNOUNCED = new Set();

let lastTold = null;

export function startHeadline() {
  on("sources", show);
  on("lately", (events) => {
    lastTold = events[0] ?? null;
    show();
  });
  on("heard", ({ stage, event }) => {
    if (event.outcome === "reported" && (!lastTold || event.onset >= lastTold.onset)) lastTold = event;
    if (event.outcome === "reported" && stage !== "changed") announce(event);
    show();
  });
  setInterval(show, REFRESH_MILLISECONDS);
  show();
}

function show() {
  const sources = [...home.sources.values()].filter((source) => !isGone(source));
  const box = byId("headline-box");
  [box.dataset.state, byId("headline").textContent, byId("subline").textContent] = standing(sources);
}

function standing(sources) {
  const now = [...home.ongoing.values()].filter((event) => event.outcome === "reported").at(-1);
  const unwell = sources.filter((source) => !isWell(source)).map((source) => source.name);
  if (now) return ["sounds", `${now.name}, now`, `In ${now.source}. ${listening(sources)}`];
  if (unwell.length > 0) return ["unwell", `${list(unwell)} cannot be heard well`, `${listening(sources)} ${told()}`];
  if (lastTold && Date.now() - new Date(lastTold.onset) < RECENT_MILLISECONDS) {
    return ["recent", `${lastTold.name}, ${ago(new Date(lastTold.onset))}`, `In ${lastTold.source}. ${listening(sources)}`];
  }
  return ["quiet", "All quiet", `${listening(sources)} ${told()}`];
}

function listening(sources) {
  const names = sources.filter((source) => source.state === "listening").map((source) => source.name);
  return names.length > 0 ? `Listening to ${list(names)}.` : "Nothing is listened to just now.";
}

function told() {
  return lastTold ? `Last report: ${lastTold.name} in ${lastTold.source}, ${ago(new Date(lastTold.onset))}.` : "Nothing was reported yet.";
}

function announce(event) {
  if (ANNOUNCED.has(event.id)) return;
  ANNOUNCED.add(event.id);
  byId("announcer").textContent = `${event.name} in ${event.source}, reported`;
}
