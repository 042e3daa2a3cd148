// The stream of what happens; made anew when it breaks, also when it breaks without a word.

import { ask } from "./api.js";
import { noteHealth, noteHeard, noteSource, noteSources, say } from "./home.js";

const SILENCE_MILLISECONDS = 25_000; // the monitor says something every ten seconds
const PAUSE_MILLISECONDS = 3_000;

let stream = null;
let lastHeard = 0;
let wasLost = false;

export function connect() {
  stream?.close();
  stream = new EventSource("api/live");
  lastHeard = Date.now();
  stream.addEventListener("error", onError);
  listen("sources", (data) => {
    noteSources(data.sources);
    say("connection", "live");
    if (wasLost) say("missed");
    wasLost = false;
  });
  listen("level", (data) => say("level", data));
  listen("heard", noteHeard);
  listen("health", noteHealth);
  listen("source", noteSource);
  listen("missed", () => say("missed"));
  stream.addEventListener("still", () => (lastHeard = Date.now()));
}

export function watch() {
  setInterval(() => {
    if (Date.now() - lastHeard > SILENCE_MILLISECONDS) lost();
  }, PAUSE_MILLISECONDS);
}

function listen(name, handle) {
  stream.addEventListener(name, (message) => {
    lastHeard = Date.now();
    handle(JSON.parse(message.data));
  });
}

function onError() {
  wasLost = true;
  say("connection", "lost");
  if (stream.readyState === EventSource.CLOSED) lost();
}

function lost() {
  stream.close();
  lastHeard = Date.now();
  wasLost = true;
  say("connection", "lost");
  setTimeout(reconnect, PAUSE_MILLISECONDS);
}

async function reconnect() {
  try {
    await ask("api/sources"); // leads to the login where the token has changed
  } catch {
    // not there yet: the stream finds out
  }
  connect();
}
