// What the page knows: the tree, the sources, the newest events; and who wants to hear of changes.

import { ask } from "./api.js";

const listeners = new Map();

export const home = { nodes: [], order: [], sources: new Map(), takesMicrophones: false, ongoing: new Map() };

export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
}

export function say(name, value) {
  for (const listener of listeners.get(name) ?? []) listener(value);
}

export async function load() {
  const [tree, sources] = await Promise.all([ask("api/tree"), ask("api/sources")]);
  home.nodes = tree.nodes;
  home.order = tree.depth_first;
  home.takesMicrophones = sources.takes_microphones;
  noteSources(sources.sources);
}

export function noteSources(sources) {
  for (const source of sources) home.sources.set(source.name, source);
  say("sources");
}

export function noteSource(message) {
  const known = home.sources.get(message.source) ?? { name: message.source, complaints: [] };
  const complaints = message.state === "ended" ? [] : known.complaints;
  home.sources.set(message.source, { ...known, ...message, since: message.time, name: message.source, complaints });
  say("sources");
}

export function noteHealth(message) {
  const source = home.sources.get(message.source);
  if (source) {
    source.complaints = source.complaints.filter((each) => each.complaint !== message.complaint);
    if (!message.is_over) source.complaints.push({ complaint: message.complaint, message: message.message });
  }
  say("sources");
  say("trouble", message);
}

export function noteHeard({ stage, event }) {
  if (event.offset) home.ongoing.delete(event.id);
  else home.ongoing.set(event.id, event);
  say("heard", { stage, event });
}
