// Runs in the audio thread: gathers samples into pieces of about a tenth of a second.

const PIECE_SECONDS = 0.1;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(Math.round(PIECE_SECONDS * sampleRate));
    this.filled = 0;
  }

  process([[samples]]) {
    for (let from = 0; samples && from < samples.length; ) {
      const count = Math.min(samples.length - from, this.piece.length - this.filled);
      this.piece.set(samples.subarray(from, from + count), this.filled);
      this.filled += count;
      from += count;
      if (this.filled === this.piece.length) this.hand();
    }
    return true;
  }

  hand() {
    const { buffer } = this.piece.slice();
    this.port.postMessage(buffer, [buffer]);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
