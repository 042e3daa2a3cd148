// Playing a clip: a button, its wave as the place to seek, and one sound at a time.

import { clipAddress } from "./api.js";
import { el, icon, onThemeChange } from "./dom.js";

const BARS = 64;
const DECODE_RATE_HZ = 16_000;
const AT_ONCE = 2;
const AHEAD = "300px"; // a wave is there before it is scrolled into view

const peaksOf = new Map();
const waiting = []; // the last that came into view is looked at now: it goes first
let decoding = 0;
let playing = null;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      entry.target.player.draw();
      waiting.push(entry.target.player);
      next();
    }
  }
}, { rootMargin: AHEAD });

function next() {
  while (decoding < AT_ONCE && waiting.length > 0) {
    decoding++;
    waiting.pop().loadPeaks().finally(() => {
      decoding--;
      next();
    });
  }
}

async function peaks(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`no clip: ${response.status}`);
  const context = new OfflineAudioContext(1, 1, DECODE_RATE_HZ);
  const samples = (await context.decodeAudioData(await response.arrayBuffer())).getChannelData(0);
  return Array.from({ length: BARS }, (_, bar) => {
    let peak = 0;
    const end = Math.floor(((bar + 1) * samples.length) / BARS);
    for (let at = Math.floor((bar * samples.length) / BARS); at < end; at++) peak = Math.max(peak, Math.abs(samples[at]));
    return peak;
  });
}

export class Player {
  constructor(event) {
    this.address = clipAddress(event);
    this.audio = el("audio", { preload: "none" });
    this.button = el("button", { type: "button", class: "play", "aria-label": `Play ${event.name}`, on: { click: () => this.toggle() } }, icon("play"));
    this.canvas = el("canvas", { class: "wave", "aria-hidden": "true" });
    this.seek = el("input", { type: "range", min: "0", max: "1000", value: "0", class: "seek", "aria-label": "Position in the clip", on: { input: () => this.seekTo() } });
    this.element = el("div", { class: "player" }, this.button, el("div", { class: "wave-box" }, this.canvas, this.seek), this.audio);
    this.element.player = this;
    for (const type of ["play", "pause", "ended"]) this.audio.addEventListener(type, () => this.showState());
    this.audio.addEventListener("timeupdate", () => this.draw());
    this.audio.addEventListener("error", () => this.fail());
    onThemeChange(() => this.draw());
    watcher.observe(this.element);
  }

  async toggle() {
    if (!this.audio.paused) return this.audio.pause();
    if (!this.audio.src) this.audio.src = this.address;
    if (playing && playing !== this) playing.audio.pause();
    playing = this;
    return this.audio.play().catch(() => {}); // "error" tells of it
  }

  seekTo() {
    if (!this.audio.src) this.audio.src = this.address;
    const move = () => (this.audio.currentTime = (this.seek.value / 1000) * this.audio.duration);
    if (Number.isFinite(this.audio.duration)) move();
    else this.audio.addEventListener("loadedmetadata", move, { once: true });
    if (this.audio.preload === "none") this.audio.preload = "metadata";
  }

  showState() {
    const isPlaying = !this.audio.paused && !this.audio.ended;
    this.button.replaceChildren(icon(isPlaying ? "pause" : "play"));
    this.button.classList.toggle("playing", isPlaying);
    this.draw();
    if (isPlaying) this.follow();
  }

  follow() {
    this.draw();
    if (!this.audio.paused) requestAnimationFrame(() => this.follow());
  }

  get progress() {
    return this.audio.duration > 0 ? this.audio.currentTime / this.audio.duration : 0;
  }

  async loadPeaks() {
    try {
      if (!peaksOf.has(this.address)) peaksOf.set(this.address, await peaks(this.address));
      this.draw();
      this.element.dataset.wave = "drawn";
    } catch {
      this.fail();
    }
  }

  fail() {
    this.element.replaceChildren(el("p", { class: "note" }, "The clip cannot be played: it may have been removed."));
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    this.seek.value = String(Math.round(1000 * this.progress));
    this.canvas.width = width * devicePixelRatio;
    this.canvas.height = height * devicePixelRatio;
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.element);
    const step = this.canvas.width / BARS;
    (peaksOf.get(this.address) ?? Array(BARS).fill(0)).forEach((peak, bar) => {
      context.fillStyle = style.getPropertyValue(bar / BARS < this.progress ? "--accent" : "--wave");
      const tall = Math.max(0.06, Math.min(1, Math.sqrt(peak))) * this.canvas.height;
      context.beginPath();
      context.roundRect(bar * step + 0.2 * step, (this.canvas.height - tall) / 2, 0.6 * step, tall, 0.3 * step);
      context.fill();
    });
  }
}
