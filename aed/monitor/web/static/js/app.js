// Starts the page: what it knows, its views, and the stream of what happens.

import { byId } from "./dom.js";
import { startLately, startSearch } from "./events.js";
import { startHeadline } from "./headline.js";
import { startHealth } from "./health.js";
import { load, on } from "./home.js";
import { connect, watch } from "./live.js";
import { startMicrophone } from "./microphone.js";
import { startSettings } from "./settings.js";
import { startSources } from "./sources.js";
import { startTimeline } from "./timeline.js";

const RETRY_MILLISECONDS = 5_000;
const VIEWS = ["now", "events", "health", "settings"];
const CONNECTIONS = { waiting: "Connecting", live: "Live", lost: "Connection lost, trying again" };

function showView() {
  const wanted = location.hash.slice(1);
  if (wanted === "main") return; // the link that skips to the content
  const name = VIEWS.includes(wanted) ? wanted : VIEWS[0];
  for (const view of VIEWS) byId(`view-${view}`).hidden = view !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
}

function showConnection(state) {
  byId("pulse").dataset.state = state;
  byId("pulse").textContent = CONNECTIONS[state];
}

async function start() {
  addEventListener("hashchange", showView);
  on("connection", showConnection);
  showView();
  await load();
  startSources();
  startHeadline();
  startMicrophone();
  connect();
  watch();
  await Promise.all([startLately(), startSearch(), startTimeline(), startHealth(), startSettings()]);
}

start().catch((error) => {
  showConnection("lost");
  byId("headline").textContent = "The monitor does not answer";
  byId("subline").textContent = `${error.message}. Trying again.`;
  setTimeout(() => location.reload(), RETRY_MILLISECONDS);
});
