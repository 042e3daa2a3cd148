// What the page asks of the monitor, always the one it came from.

export class Refused extends Error {}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null));
  const text = query.toString();
  return answer(await fetch(text ? `${path}?${text}` : path));
}

export async function tell(path, body) {
  const headers = { "content-type": "application/json" };
  return answer(await fetch(path, { method: "PUT", headers, body: JSON.stringify(body) }));
}

async function answer(response) {
  if (response.status === 401) location.assign("login");
  if (!response.ok) throw new Refused(await reason(response));
  return response.json();
}

async function reason(response) {
  try {
    return String((await response.json()).detail);
  } catch {
    return `the monitor answered ${response.status}`;
  }
}

export function clipAddress(event) {
  return `api/events/${encodeURIComponent(event.id)}/clip`;
}
