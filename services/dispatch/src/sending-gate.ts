// How many requests may be young at once. A burst over many endpoints would open a connection for each request, and handshakes
// that compete for the processor only make each other late. A request counts while it is young: one that a slow or silent
// receiver holds costs nothing any more, so hanging endpoints cannot use the places up. Endpoints that wait take turns, late work
// never has all places, and what waits here waits before its attempt begins.

import type { CancelTimer, Timers } from '@postrider/runtime';
import { originInFlightMax, youngLimitLookMs, youngMs } from './limits.ts';
import { OriginGate } from './origin-gate.ts';
import { latePlaces, type Turn } from './turns.ts';
import { Waiting } from './waiting.ts';
import { YoungLimit } from './young-limit.ts';

const startedKeptMin = 1_024;

/** A request's leave to be under way. */
export interface Pass {
  readonly origin: string;
  readonly endpointId: string;
  readonly turn: Turn;
  readonly startedMs: number;
  young: boolean;
}

export interface SendingGateDeps {
  readonly now: () => number;
  readonly timers: Timers;
  /** Part of the time since it was last asked in which the event loop was busy, 0 to 1. */
  readonly busyShare: () => number;
  /** An endpoint that was refused may try again. */
  readonly onTurn: (endpointId: string) => void;
}

export class SendingGate {
  readonly #deps: SendingGateDeps;
  readonly #origins = new OriginGate(originInFlightMax);
  readonly #waiting = new Waiting();
  /** In the order of their beginning; those that left or aged meanwhile are still among them. */
  #started: Pass[] = [];
  readonly #young: Record<Turn, number> = { first: 0, late: 0 };
  readonly #limit = new YoungLimit();
  #limitWasReached = false;
  #lookedMs = 0;
  /** Those that left are swept out when the list has doubled, not one by one. */
  #lookAgainAt = startedKeptMin;
  #cancelTimer: CancelTimer | undefined;

  constructor(deps: SendingGateDeps) {
    this.#deps = deps;
  }

  /** Passes that are kept in memory, those that left among them. */
  get kept(): number {
    return this.#started.length;
  }

  /** A pass, or undefined: the endpoint is told when it is its turn. */
  enter(origin: string, endpointId: string, turn: Turn): Pass | undefined {
    this.#lookAtLimit();
    if (!this.#mayStart(turn) || this.#started.length >= this.#lookAgainAt) this.#age();
    if (!this.#mayStart(turn)) {
      this.#limitWasReached = true;
      this.#waiting.add(endpointId, turn);
      this.#arm();
      return undefined;
    }
    if (!this.#origins.enter(origin, endpointId, turn)) return undefined;
    const pass = { origin, endpointId, turn, startedMs: this.#deps.now(), young: true };
    this.#young[turn]++;
    this.#started.push(pass);
    return pass;
  }

  /** The request has ended, or was not made after all. */
  leave(pass: Pass): void {
    if (pass.young) {
      pass.young = false;
      this.#young[pass.turn]--;
    }
    const next = this.#origins.leave(pass.origin, pass.turn);
    if (next !== undefined) this.#deps.onTurn(next);
    this.#callWaiting();
  }

  #lookAtLimit(): void {
    const nowMs = this.#deps.now();
    if (nowMs - this.#lookedMs < youngLimitLookMs) return;
    this.#lookedMs = nowMs;
    this.#limit.look(this.#deps.busyShare(), this.#limitWasReached);
    this.#limitWasReached = false;
  }

  #age(): void {
    const oldMs = this.#deps.now() - youngMs;
    let at = 0;
    for (; at < this.#started.length; at++) {
      const pass = this.#started[at]!;
      if (pass.young && pass.startedMs > oldMs) break;
      if (pass.young) this.#young[pass.turn]--;
      pass.young = false;
    }
    if (at > 0) this.#started = this.#started.slice(at);
    this.#lookAgainAt = Math.max(startedKeptMin, this.#started.length * 2);
  }

  /** As many as there are places: whoever is called may find that its work was done meanwhile. */
  #callWaiting(): void {
    const free = {
      first: this.#limit.value - this.#young.first - this.#young.late,
      late: latePlaces(this.#limit.value) - this.#young.late,
    };
    for (; free.first > 0; free.first--) {
      const next = this.#waiting.next({ first: true, late: free.late > 0 });
      if (next === undefined) return;
      free.late--;
      this.#deps.onTurn(next);
    }
  }

  #mayStart(turn: Turn): boolean {
    const { first, late } = this.#young;
    const places = this.#limit.value;
    return first + late < places && (turn === 'first' || late < latePlaces(places));
  }

  /** With nobody leaving, those that wait have their turn when the oldest young request is young no more. */
  #arm(): void {
    if (this.#cancelTimer) return;
    this.#cancelTimer = this.#deps.timers.setTimer(youngMs, () => {
      this.#cancelTimer = undefined;
      this.#age();
      this.#callWaiting();
      if (this.#waiting.size > 0) this.#arm();
    });
  }
}
