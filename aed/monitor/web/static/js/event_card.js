// One event: what, when, where, how sure, what the rules made of it and why, how it sounded, what people say of it.

import { tell } from "./api.js";
import { el, icon } from "./dom.js";
import { home } from "./home.js";
import { pickNode } from "./picker.js";
import { Player } from "./player.js";
import { clockWithSeconds, decibels, duration, percent } from "./words.js";

const BEATS = {
  temporal_three: "three beeps and a pause: a smoke alarm's beat",
  temporal_four: "four beeps and a pause: a carbon monoxide alarm's beat",
  chirp: "a lone chirp: an alarm's low battery",
};

export class EventCard {
  constructor(event) {
    this.time = el("time", {});
    this.title = el("h3", {});
    this.path = el("p", { class: "path" });
    this.facts = el("p", { class: "facts" });
    this.reason = el("p", { class: "reason" });
    this.sound = el("div", { class: "sound" });
    this.said = el("p", { class: "said", role: "status" });
    this.buttons = ["right", "wrong", "other"].map((verdict) => this.markButton(verdict));
    this.element = el("article", { class: "event", data: { id: event.id } },
      this.time,
      el("div", { class: "what" }, this.title, this.path, this.facts, this.reason),
      el("div", { class: "act" }, this.sound,
        el("div", { class: "marks", role: "group", "aria-label": `Was ${event.name} right?` }, ...this.buttons, this.said)));
    this.show(event);
  }

  show(event) {
    this.event = event;
    const isTold = event.outcome === "reported";
    this.element.dataset.outcome = isTold ? "told" : "held";
    this.element.classList.toggle("ongoing", !event.offset);
    this.time.dateTime = event.onset;
    this.time.textContent = clockWithSeconds(new Date(event.onset));
    this.title.replaceChildren(event.name, el("span", { class: "pill" }, event.offset ? event.outcome : "now"));
    this.path.textContent = event.path.slice(0, -1).join(" › ");
    this.facts.textContent = [event.source, percent(event.score), decibels(event.level_dbfs), duration(event)].join("  ·  ");
    this.reason.textContent = [event.reason, BEATS[event.beat]].filter(Boolean).join("; ");
    this.showSound(event);
    this.showMark(event.mark);
  }

  showSound(event) {
    const note = event.clip_note || (event.has_clip ? "" : event.offset ? "No clip is kept." : "");
    if (this.hasClip !== event.has_clip || !event.has_clip) {
      this.sound.replaceChildren(...(event.has_clip ? [new Player(event).element] : []));
      this.hasClip = event.has_clip;
    }
    this.sound.querySelector(":scope > .note")?.remove();
    if (note) this.sound.append(el("p", { class: "note" }, note));
  }

  showMark(mark) {
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(mark?.verdict === button.value));
    const node = home.nodes.find((each) => each.id === mark?.node_id);
    this.said.textContent = mark?.verdict === "other" ? `It was ${node?.name ?? mark.node_id}.` : "";
  }

  markButton(verdict) {
    const words = { right: "Right", wrong: "Wrong", other: "It was …" }[verdict];
    return el("button", { type: "button", class: "mark", value: verdict, "aria-pressed": "false", on: { click: () => this.mark(verdict) } }, icon(verdict), words);
  }

  async mark(verdict) {
    const nodeId = verdict === "other" ? await pickNode(this.event.mark?.node_id) : null;
    if (verdict === "other" && nodeId === null) return;
    try {
      const body = nodeId === null ? { verdict } : { verdict, node_id: nodeId };
      this.show(await tell(`api/events/${encodeURIComponent(this.event.id)}/mark`, body));
      if (verdict !== "other") this.said.textContent = "Remembered.";
    } catch (error) {
      this.said.textContent = `This was not stored: ${error.message}`;
    }
  }
}
