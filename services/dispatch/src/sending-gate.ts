// How many requests may be young at once. A burst over many endpoints would open a connection for each request, and handshakes
// that compete for the processor only make each other late. A request counts while it is young: one that a slow or silent
// receiver holds costs nothing any more, so hanging endpoints cannot use the places up. Endpoints that wait take turns, late work
// never has all places, and what waits here waits before its attempt begins.

import type { CancelTimer, Timers } from '@postrider/runtime';
import { ageStepMsMax, originInFlightMax, youngLimitLookMs, youngMs } from './limits.ts';
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
  /** By the gate's own measure of age. */
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
  #lookedMs: number;
  /** Time as far as it makes requests older. */
  #ageMs = 0;
  /** Those that left are swept out when the list has doubled, not one by one. */
  #lookAgainAt = startedKeptMin;
  #cancelTimer: CancelTimer | undefined;

  constructor(deps: SendingGateDeps) {
    this.#deps = deps;
    this.#lookedMs = deps.now();
  }

  /** Passes that are kept in memory, those that left among them. */
  get kept(): number {
    return this.#started.length;
  }

  /** A pass, or undefined: the endpoint is told when it is its turn. */
  enter(origin: string, endpointId: string, turn: Turn): Pass | undefined {
    this.#look();
    if (!this.#mayStart(turn) || this.#started.length >= this.#lookAgainAt) this.#age();
    if (!this.#mayStart(turn)) {
      this.#limitWasReached = true;
      this.#waiting.add(endpointId, turn);
      this.#arm();
      return undefined;
    }
    if (!this.#origins.enter(origin, endpointId, turn)) return undefined;
    const pass = { origin, endpointId, turn, startedMs: this.#ageMs, young: true };
    this.#young[turn]++;
    this.#started.push(pass);
    return pass;
  }

  /** True when it is the origin's own places that are used up, for this kind of work. */
  isOriginFull(origin: string, turn: Turn): boolean {
    return this.#origins.isFull(origin, turn);
  }

  /** The request has ended, or was not made after all. */
  leave(pass: Pass): void {
    if (pass.young) {
      pass.young = false;
      this.#young[pass.turn]--;
    }
    for (const next of this.#origins.leave(pass.origin, pass.turn)) this.#deps.onTurn(next);
    this.#callWaiting();
  }

  /**
   * Sets the limit, and lets requests grow older. While our own loop stands still they wait for us, and for nobody else: of a stall
   * only a step counts, or those that it holds up would be taken for old, and more would be begun on top of them.
   */
  #look(): void {
    const nowMs = this.#deps.now();
    // A clock that was set back would keep everybody young until it is where it was.
    this.#lookedMs = Math.min(this.#lookedMs, nowMs);
    const passedMs = nowMs - this.#lookedMs;
    if (passedMs < youngLimitLookMs) return;
    this.#lookedMs = nowMs;
    const busyShare = this.#deps.busyShare();
    this.#limit.look(busyShare, this.#limitWasReached);
    this.#limitWasReached = false;
    this.#ageMs += passedMs * (1 - busyShare) + Math.min(passedMs, ageStepMsMax) * busyShare;
  }

  #age(): void {
    const oldMs = this.#ageMs - youngMs;
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
    this.#cancelTimer = this.#deps.timers.setTimer(ageStepMsMax, () => {
      this.#cancelTimer = undefined;
      this.#look();
      this.#age();
      this.#callWaiting();
      if (this.#waiting.size > 0) this.#arm();
    });
  }
}
