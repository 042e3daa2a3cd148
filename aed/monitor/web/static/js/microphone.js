// This device's microphone as a source: the samples go to this monitor, at the device's own rate.

import { byId, el, icon } from "./dom.js";
import { home, on } from "./home.js";

const MOST_WAITING_BYTES = 512 * 1024; // about three seconds of float32 at 48 kHz: a network that slow loses sound
const BYTES_PER_SAMPLE = 4;
const NAME_KEY = "aed-device-name";

let current = null;

export function startMicrophone() {
  on("sources", () => (byId("microphone").hidden = !home.takesMicrophones));
  byId("microphone").hidden = !home.takesMicrophones;
  show("");
}

function show(words) {
  const note = el("p", { class: "note", role: "status" }, words || reason());
  byId("microphone").replaceChildren(...(current ? [stopButton(), note] : [startForm(), note]));
}

function reason() {
  if (current) return `This device listens too, as ${current.name}.`;
  if (!canListen()) return "A browser gives its microphone to pages by https or on this very machine only: set web.certificate.";
  return "The sound goes to this monitor and nowhere else.";
}

function canListen() {
  return isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

function startForm() {
  const name = el("input", { name: "name", maxlength: "40", pattern: "[\\p{L}\\p{N}_ .\\-]+", required: true, "aria-label": "Name of this device", value: localStorage.getItem(NAME_KEY) ?? "this device" });
  const button = el("button", { type: "submit", disabled: !canListen() }, icon("microphone"), "Use this device's microphone");
  return el("form", { on: { submit: (event) => start(event, name.value.trim()) } }, name, button);
}

function stopButton() {
  return el("button", { type: "button", class: "primary", on: { click: () => stop("") } }, icon("microphone"), "Stop using this microphone");
}

async function start(event, name) {
  event.preventDefault();
  localStorage.setItem(NAME_KEY, name);
  try {
    const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    current = { name, stream, context: new AudioContext(), lostSamples: 0 };
    await open(current);
  } catch (error) {
    stop(error.name === "NotAllowedError" ? "The browser did not allow the microphone." : `The microphone cannot be used: ${error.message}`);
  }
}

async function open(device) {
  await device.context.audioWorklet.addModule("static/js/capture.js");
  const address = new URL("api/microphone", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.search = new URLSearchParams({ rate_hz: device.context.sampleRate, sample_format: "float32", name: device.name });
  device.socket = new WebSocket(address);
  device.socket.binaryType = "arraybuffer";
  device.socket.addEventListener("message", (message) => onReady(device, JSON.parse(message.data)));
  device.socket.addEventListener("close", (event) => {
    if (current === device) stop(event.reason || "The connection to the monitor ended.");
  });
}

function onReady(device, { source }) {
  device.name = source;
  const capture = new AudioWorkletNode(device.context, "capture", { numberOfOutputs: 0 });
  capture.port.onmessage = ({ data }) => send(device, data);
  device.context.createMediaStreamSource(device.stream).connect(capture);
  show("");
}

function send(device, samples) {
  if (device.socket.readyState !== WebSocket.OPEN) return;
  if (device.socket.bufferedAmount > MOST_WAITING_BYTES) {
    device.lostSamples += samples.byteLength / BYTES_PER_SAMPLE;
    return;
  }
  if (device.lostSamples > 0) device.socket.send(String(device.lostSamples / device.context.sampleRate));
  device.lostSamples = 0;
  device.socket.send(samples);
}

function stop(words) {
  const device = current;
  current = null;
  device?.socket?.close();
  device?.stream.getTracks().forEach((track) => track.stop());
  device?.context.close();
  show(words);
}
