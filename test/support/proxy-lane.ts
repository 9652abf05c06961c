// One direction of one proxied connection: bytes wait here for their time, are cut into pieces, held or swallowed.

import type { Socket } from 'node:net';

/** What a lane does to the bytes that enter it from now on. */
export interface LaneFaults {
  /** Added to every piece; order is kept, so it delays and does not slow down. */
  latencyMs: number;
  /** Up to this much more, by the seed. */
  jitterMs: number;
  /** Bytes a second; 0: as many as come. */
  bytesPerS: number;
  /** Writes of 1 to this many bytes, by the seed; 0: as they come. */
  sliceBytesMax: number;
}

export const noFaults: LaneFaults = { latencyMs: 0, jitterMs: 0, bytesPerS: 0, sliceBytesMax: 0 };

/** Above this the source is not read on: a slow lane must push back, not fill the memory. */
const QUEUED_BYTES_MAX = 1_048_576;

interface Piece {
  bytes: Buffer;
  dueMs: number;
}

export class ProxyLane {
  private readonly from: Socket;
  private readonly to: Socket;
  private readonly faults: () => LaneFaults;
  private readonly random: () => number;
  private readonly queue: Piece[] = [];
  private queuedBytes = 0;
  private lastDueMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private ended = false;
  private held = false;

  constructor(options: { from: Socket; to: Socket; faults: () => LaneFaults; random: () => number }) {
    this.from = options.from;
    this.to = options.to;
    this.faults = options.faults;
    this.random = options.random;
    this.to.on('drain', () => this.pump());
  }

  push(bytes: Buffer): void {
    const { latencyMs, jitterMs, bytesPerS, sliceBytesMax } = this.faults();
    for (let at = 0; at < bytes.length;) {
      const length = sliceBytesMax === 0 ? bytes.length : 1 + Math.floor(this.random() * sliceBytesMax);
      const piece = bytes.subarray(at, at + length);
      at += piece.length;
      const jitter = jitterMs === 0 ? 0 : this.random() * jitterMs;
      const start = Math.max(this.lastDueMs, performance.now() + latencyMs + jitter);
      this.lastDueMs = start + (bytesPerS === 0 ? 0 : (piece.length / bytesPerS) * 1_000);
      this.queue.push({ bytes: piece, dueMs: this.lastDueMs });
      this.queuedBytes += piece.length;
    }
    if (this.queuedBytes > QUEUED_BYTES_MAX) this.from.pause();
    this.pump();
  }

  /** The source has said its last word: passed on after what is queued. */
  end(): void {
    this.ended = true;
    this.pump();
  }

  /** Nothing leaves until `release`; nothing is lost. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.pump();
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.queue.length = 0;
  }

  private pump(): void {
    clearTimeout(this.timer);
    if (this.held || this.to.destroyed) return;
    for (let next = this.queue[0]; next !== undefined; next = this.queue[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        return;
      }
      this.queue.shift();
      this.queuedBytes -= next.bytes.length;
      if (!this.to.write(next.bytes)) return; // goes on with 'drain'
    }
    if (this.queuedBytes <= QUEUED_BYTES_MAX / 2) this.from.resume();
    if (this.ended) this.to.end();
  }
}
