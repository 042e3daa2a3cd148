// Times, levels and numbers in words; always in the viewer's own time zone.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const CLOCK_SECONDS = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_MILLISECONDS = 24 * 3600 * 1000;

export function clock(date) {
  return CLOCK.format(date);
}

export function clockWithSeconds(date) {
  return CLOCK_SECONDS.format(date);
}

export function day(date) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  if (date >= midnight) return "Today";
  if (date >= midnight - DAY_MILLISECONDS) return "Yesterday";
  return DAY.format(date);
}

export function ago(date) {
  const seconds = Math.max(0, (Date.now() - date) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 90 * 60) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / (24 * 3600))} days ago`;
}

export function duration(event) {
  if (!event.offset) return "still going on";
  const seconds = (new Date(event.offset) - new Date(event.onset)) / 1000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function decibels(dbfs) {
  return `${dbfs < 0 ? "−" : ""}${Math.abs(Math.round(dbfs))} dBFS`;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

export function list(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
