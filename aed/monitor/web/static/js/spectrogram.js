// A scrolling spectrogram: one column per message, newest on the right, in the colours of the theme.

import { el, isDark, onThemeChange } from "./dom.js";

const COLUMNS = 300;
const SHOWN_FROM = 0.08; // of the byte's range: -92 dB
const SHOWN_TO = 0.8; // -20 dB
const STOPS = {
  light: [[244, 243, 238], [214, 230, 223], [120, 184, 170], [31, 111, 98], [14, 44, 56]],
  dark: [[19, 24, 29], [22, 48, 54], [31, 111, 106], [121, 199, 180], [250, 240, 200]],
};

function palette(stops) {
  const colours = [];
  for (let value = 0; value < 256; value++) {
    const share = Math.min(1, Math.max(0, (value / 255 - SHOWN_FROM) / (SHOWN_TO - SHOWN_FROM)));
    const place = share * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    colours.push(stops[low].map((each, channel) => each + (place - low) * (stops[low + 1][channel] - each)));
  }
  return colours;
}

export function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

export class Spectrogram {
  constructor(name) {
    this.columns = [];
    this.canvas = el("canvas", { class: "spectrogram", role: "img", "aria-label": `Spectrogram of ${name}, the last minute` });
    this.canvas.width = COLUMNS;
    this.canvas.height = 64;
    this.context = this.canvas.getContext("2d");
    this.newTheme();
    onThemeChange(() => this.newTheme());
  }

  push(column, time) {
    if (column.length !== this.canvas.height) {
      this.canvas.height = column.length;
      this.columns = [];
      this.clear();
    }
    this.columns.push({ column, time });
    if (this.columns.length > COLUMNS) this.columns.shift();
    this.context.drawImage(this.canvas, -1, 0);
    this.draw(column, COLUMNS - 1);
  }

  get seconds() {
    return this.columns.length < 2 ? 0 : (this.columns.at(-1).time - this.columns[0].time) / 1000;
  }

  get isFull() {
    return this.columns.length === COLUMNS;
  }

  draw(column, place) {
    const picture = this.context.createImageData(1, column.length);
    for (let band = 0; band < column.length; band++) {
      const at = 4 * (column.length - 1 - band);
      picture.data.set(this.colours[column[band]], at);
      picture.data[at + 3] = 255;
    }
    this.context.putImageData(picture, place, 0);
  }

  clear() {
    this.context.fillStyle = `rgb(${this.colours[0].join(" ")})`;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  newTheme() {
    this.colours = palette(isDark() ? STOPS.dark : STOPS.light);
    this.clear();
    this.columns.forEach(({ column }, place) => this.draw(column, COLUMNS - this.columns.length + place));
  }
}
