// What a source hears just now, along the tree: whatever stands out, under everything it belongs to.

import { el } from "./dom.js";
import { home } from "./home.js";
import { percent } from "./words.js";

const STANDS_OUT = 0.15;
const MOST_ROWS = 8;
const LINGER_MILLISECONDS = 2_000; // a row that comes and goes five times a second cannot be read
const LIKELY = 0.5;

export class TreeBars {
  constructor() {
    this.rows = new Map();
    this.lastSeen = new Map();
    this.list = el("ul", { class: "bars" });
    this.quiet = el("p", { class: "quietly" }, "Nothing stands out.");
    this.element = el("div", { class: "hears" }, this.list, this.quiet);
  }

  show(probabilities) {
    const now = Date.now();
    probabilities.forEach((byte, node) => {
      if (node > 0 && byte / 255 >= STANDS_OUT) this.lastSeen.set(node, now);
    });
    const shown = this.withParents(this.fresh(now), probabilities);
    for (const [node, row] of this.rows) if (!shown.has(node)) this.drop(node, row);
    this.place(home.order.filter((node) => shown.has(node)), probabilities);
    this.quiet.hidden = shown.size > 0;
  }

  fresh(now) {
    for (const [node, time] of this.lastSeen) if (now - time > LINGER_MILLISECONDS) this.lastSeen.delete(node);
    return [...this.lastSeen.keys()];
  }

  withParents(nodes, probabilities) {
    const shown = new Set();
    for (const node of nodes.sort((a, b) => probabilities[b] - probabilities[a])) {
      const path = [];
      for (let each = node; each > 0 && !shown.has(each); each = home.nodes[each].parent) path.push(each);
      if (shown.size + path.length <= MOST_ROWS) path.forEach((each) => shown.add(each));
    }
    return shown;
  }

  place(order, probabilities) {
    let before = null;
    for (const node of order) {
      const row = this.rows.get(node) ?? this.newRow(node);
      const share = probabilities[node] / 255;
      row.bar.style.setProperty("--share", share.toFixed(3));
      row.number.textContent = percent(share);
      row.element.classList.toggle("likely", share >= LIKELY);
      const wanted = before === null ? this.list.firstChild : before.nextSibling;
      if (row.element !== wanted) this.list.insertBefore(row.element, wanted);
      before = row.element;
    }
  }

  newRow(node) {
    const bar = el("span", { class: "bar-fill", "aria-hidden": "true" });
    const number = el("span", { class: "number" });
    const name = el("span", { class: "name" }, home.nodes[node].name);
    const element = el("li", {}, name, el("span", { class: "bar-track", "aria-hidden": "true" }, bar), number);
    element.style.setProperty("--depth", home.nodes[node].depth - 1);
    const row = { element, bar, number };
    this.rows.set(node, row);
    return row;
  }

  drop(node, row) {
    row.element.remove();
    this.rows.delete(node);
  }
}
