// Whether a request that finds no idle connection should wait for one or have one made. A handshake costs both sides a
// millisecond of processor time, fifty times what a request on a kept connection costs; a burst that opens a connection for
// each of its requests pays that, and then lets most of them grow old unused. So a request waits as long as a connection is
// expected to come free sooner than a new one could be there, by what this origin itself was seen to take.

import {
  coldConnectionsMax,
  handshakeMsUnknown,
  patienceMsMax,
  patienceMsMin,
  paceShare,
  stuckFactor,
  stuckMsMin,
} from './limits.ts';

export interface PoolLoad {
  /** Connections, those that are being made included. */
  readonly connections: number;
  /** Of these, those whose request is not stuck; see `isStuck`. */
  readonly moving: number;
  /** Requests that wait already. */
  readonly queued: number;
}

export class PoolPace {
  #exchangeMs: number | undefined;
  #handshakeMs: number | undefined;

  /** A connection carried a request from writing to the end of the response. */
  exchanged(tookMs: number): void {
    this.#exchangeMs = smoothed(this.#exchangeMs, tookMs);
  }

  /** A connection was made: look-up to the end of the TLS handshake. */
  connected(tookMs: number): void {
    this.#handshakeMs = smoothed(this.#handshakeMs, tookMs);
  }

  /** A request that has been under way this long tells nothing of when its connection will be free. */
  isStuck(underWayMs: number): boolean {
    return underWayMs > Math.max(stuckMsMin, (this.#exchangeMs ?? 0) * stuckFactor);
  }

  shouldWait({ connections, moving, queued }: PoolLoad): boolean {
    if (connections === 0 || moving === 0) return false;
    if (this.#exchangeMs === undefined) return connections >= coldConnectionsMax;
    return (this.#exchangeMs * (queued + 1)) / moving <= this.patienceMs;
  }

  /** After waiting this long in vain a connection is made all the same. */
  get patienceMs(): number {
    return Math.min(Math.max(this.#handshakeMs ?? handshakeMsUnknown, patienceMsMin), patienceMsMax);
  }
}

function smoothed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + (now - before) * paceShare;
}
