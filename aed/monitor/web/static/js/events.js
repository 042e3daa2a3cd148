// The list of events: searched, paged, and kept up with what happens.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { EventCard } from "./event_card.js";
import { home, on, say } from "./home.js";
import { day } from "./words.js";

const PAGE = 30;
const LATELY = 5;
const PAUSE_MILLISECONDS = 250;
const ROOM_FOR_THE_SEARCH = "(min-width: 621px)"; // below, it would fill the screen

export class EventList {
  constructor(place, { most = Infinity, wants, empty }) {
    Object.assign(this, { place, most, wants, empty, cards: new Map() });
  }

  replace(events) {
    this.cards.clear();
    this.place.replaceChildren();
    this.append(events);
  }

  append(events) {
    for (const event of events) this.add(event, null);
    this.showDays();
  }

  note({ stage, event }) {
    const card = this.cards.get(event.id);
    if (card) card.show(stage === "changed" ? event : { ...event, mark: card.event.mark });
    else if (stage !== "changed" && this.wants(event)) {
      this.add(event, this.place.querySelector(".event"));
      this.trim();
      this.showDays();
    }
  }

  add(event, before) {
    const card = new EventCard(event);
    this.cards.set(event.id, card);
    this.place.insertBefore(card.element, before);
  }

  trim() {
    for (const element of [...this.place.querySelectorAll(".event")].slice(this.most)) {
      this.cards.delete(element.dataset.id);
      element.remove();
    }
  }

  showDays() {
    this.place.querySelectorAll(".day-name, .empty").forEach((each) => each.remove());
    let last = "";
    for (const element of this.place.querySelectorAll(".event")) {
      const name = day(new Date(this.cards.get(element.dataset.id).event.onset));
      if (name !== last) element.before(el("h2", { class: "day-name" }, name));
      last = name;
    }
    if (this.cards.size === 0) this.place.append(el("p", { class: "empty" }, this.empty()));
  }
}

export function startLately() {
  const list = new EventList(byId("lately"), {
    most: LATELY,
    wants: (event) => event.outcome === "reported",
    empty: () => "Nothing was reported yet. What is heard and held back stands under Events, with the reason.",
  });
  const load = async () => {
    const { events } = await ask("api/events", { outcome: "reported", limit: LATELY });
    list.replace(events);
    say("lately", events);
  };
  on("heard", (message) => list.note(message));
  on("missed", load);
  return load();
}

export function startSearch() {
  byId("search-box").open = matchMedia(ROOM_FOR_THE_SEARCH).matches;
  const search = new Search();
  on("heard", (message) => search.list.note(message));
  on("missed", () => search.run());
  on("search", (wanted) => search.fill(wanted));
  on("sources", () => search.showSources());
  search.showSources();
  byId("nodes").replaceChildren(...home.order.slice(1).map((node) => el("option", { value: home.nodes[node].name })));
  return search.run();
}

class Search {
  constructor() {
    this.form = byId("search");
    this.next = null;
    this.number = 0;
    this.list = new EventList(byId("events"), { wants: (event) => this.wants(event), empty: () => this.nothing() });
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.run(), PAUSE_MILLISECONDS);
    };
    this.form.addEventListener("input", soon);
    this.form.addEventListener("reset", soon);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    byId("more").addEventListener("click", () => this.more());
  }

  get wanted() {
    const { since, until, ...rest } = Object.fromEntries(new FormData(this.form));
    const utc = (text) => (text ? new Date(text).toISOString() : "");
    return { ...rest, since: utc(since), until: utc(until) };
  }

  get isNarrow() {
    return Object.values(this.wanted).some((value) => value !== "");
  }

  fill(wanted) {
    this.form.reset();
    for (const [name, value] of Object.entries(wanted)) {
      this.form.elements[name].value = value instanceof Date ? localText(value) : value;
    }
    this.run();
  }

  async run() {
    const number = ++this.number;
    try {
      const { events, next } = await ask("api/events", { ...this.wanted, limit: PAGE });
      if (number !== this.number) return; // an answer that came late
      this.list.replace(events);
      this.showNext(next);
    } catch (error) {
      byId("found").textContent = `The search failed: ${error.message}`;
    }
  }

  async more() {
    const { events, next } = await ask("api/events", { ...this.wanted, limit: PAGE, before: this.next });
    this.list.append(events);
    this.showNext(next);
  }

  showNext(next) {
    this.next = next;
    byId("more").hidden = next === null;
    const count = this.list.cards.size;
    byId("found").textContent = count === 0 ? "" : `${count}${next === null ? "" : " newest"} ${count === 1 ? "event" : "events"}`;
  }

  wants(event) {
    const wanted = this.wanted;
    const text = wanted.text.toLowerCase();
    return (
      (!wanted.source || wanted.source === event.source) &&
      (!wanted.outcome || wanted.outcome === event.outcome) &&
      (!wanted.node || event.path.some((name) => name.toLowerCase() === wanted.node.toLowerCase())) &&
      (!text || event.name.toLowerCase().includes(text) || event.reason.toLowerCase().includes(text)) &&
      (!wanted.since || event.onset >= wanted.since) &&
      (!wanted.until || event.onset < wanted.until)
    );
  }

  nothing() {
    return this.isNarrow ? "No event is like this. Clear the search to see all." : "Nothing was heard yet.";
  }

  showSources() {
    const select = this.form.elements.source;
    const known = new Set([...select.options].map((option) => option.value));
    for (const name of home.sources.keys()) if (!known.has(name)) select.append(el("option", { value: name }, name));
  }
}

function localText(date) {
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
