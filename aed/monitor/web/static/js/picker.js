// "It was ...": choosing a node of the tree.

import { byId, el } from "./dom.js";
import { home } from "./home.js";

export function pickNode(current) {
  const dialog = byId("picker");
  const filter = byId("picker-filter");
  const fill = () => byId("picker-list").replaceChildren(...rows(filter.value, current));
  filter.value = "";
  filter.oninput = fill;
  filter.onkeydown = (event) => onKey(event, dialog);
  fill();
  dialog.returnValue = "";
  dialog.showModal();
  filter.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
  });
}

function onKey(event, dialog) {
  if (event.key !== "Enter") return;
  event.preventDefault(); // Enter takes the first that is found, and does not press "Close"
  const first = byId("picker-list").querySelector("button[data-found]");
  if (first && byId("picker-filter").value) dialog.close(first.value);
}

function rows(text, current) {
  const wanted = text.trim().toLowerCase();
  const found = new Set(home.order.filter((node) => node > 0 && home.nodes[node].name.toLowerCase().includes(wanted)));
  const shown = new Set(found);
  for (const node of found) for (let each = node; each > 0; each = home.nodes[each].parent) shown.add(each);
  const lines = home.order.filter((node) => shown.has(node)).map((node) => row(node, found.has(node), current));
  return lines.length > 0 ? lines : [el("li", { class: "note" }, "The tree has no such sound.")];
}

function row(node, isFound, current) {
  const { id, name, depth } = home.nodes[node];
  const button = el("button", { type: "submit", value: id, class: isFound ? null : "faint" }, name);
  if (isFound) button.dataset.found = "";
  if (id === current) button.setAttribute("aria-current", "true");
  const line = el("li", {}, button);
  line.style.setProperty("--depth", depth - 1);
  return line;
}
