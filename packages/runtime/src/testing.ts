// Twins of the ports for tests: time moves only when a test says so, signals come when it sends them, and what was logged,
// printed or exited with is kept. Offered as `@postrider/runtime/testing`; never imported by code that runs.

import type { Clock, Timers } from './clock.ts';
import type { LogFields, Logger } from './logger.ts';
import type { FatalKind, ProcessHost, StopSignal } from './process-host.ts';
import type { SecretAsk, SecretResult, SecretSource } from './secret-source.ts';

export interface ManualClock {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Moves time on by `ms` and fires what falls due, also what the fired ones set up within that span. */
  advance(ms: number): void;
  /** The same, letting promises and other callbacks run before the first and after each firing. */
  advanceAsync(ms: number): Promise<void>;
  /** The wall clock jumps (either way); monotonic time and timers do not notice. */
  stepWallClock(ms: number): void;
  /** Timers that are still to fire. */
  pending(): number;
}

interface PendingTimer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock whose wall time begins at `startMs` (epoch ms; default 2030-01-01T00:00:00Z) and whose monotonic time begins at 0. */
export function manualClock(startMs = 1_893_456_000_000): ManualClock {
  let elapsedMs = 0;
  let skewMs = 0;
  let order = 0;
  const pending = new Set<PendingTimer>();

  const nextDue = (untilMs: number): PendingTimer | undefined => {
    let first: PendingTimer | undefined;
    for (const timer of pending) {
      if (timer.atMs > untilMs) continue;
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  };
  const fireNext = (untilMs: number): boolean => {
    const timer = nextDue(untilMs);
    if (!timer) return false;
    pending.delete(timer);
    elapsedMs = Math.max(elapsedMs, timer.atMs);
    timer.fire();
    return true;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  return {
    clock: { now: () => startMs + elapsedMs + skewMs, monotonic: () => elapsedMs },
    timers: {
      setTimer(delayMs, fire) {
        const timer = { atMs: elapsedMs + Math.max(0, delayMs), order: order++, fire };
        pending.add(timer);
        return () => void pending.delete(timer);
      },
    },
    advance(ms) {
      const untilMs = elapsedMs + ms;
      while (fireNext(untilMs));
      elapsedMs = untilMs;
    },
    async advanceAsync(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      while (fireNext(untilMs)) await settle();
      elapsedMs = Math.max(elapsedMs, untilMs);
      await settle();
    },
    stepWallClock(ms) {
      skewMs += ms;
    },
    pending: () => pending.size,
  };
}

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines, fields of children included. */
export function memoryLogger(): { readonly logger: Logger; readonly lines: readonly LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const make = (base: LogFields): Logger => {
    const at = (level: string) => (fields: LogFields, message: string) =>
      void lines.push({ level, message, fields: { ...base, ...fields } });
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      fatal: at('fatal'),
      child: (fields) => make({ ...base, ...fields }),
      isLevelEnabled: () => true,
      flush: () => Promise.resolve(),
    };
  };
  return { logger: make({}), lines };
}

export interface MemoryHost extends ProcessHost {
  signal(signal: StopSignal): void;
  fatal(kind: FatalKind, error: unknown): void;
  /** Codes that the process would have exited with, in order. */
  readonly exits: readonly number[];
  /** What was printed for the person who started it. */
  readonly printed: readonly string[];
  /** Handlers that are still listening. */
  listeners(): number;
}

export function memoryHost(): MemoryHost {
  const onSignal = new Set<(signal: StopSignal) => void>();
  const onFatal = new Set<(kind: FatalKind, error: unknown) => void>();
  const exits: number[] = [];
  const printed: string[] = [];
  return {
    exits,
    printed,
    onSignal(handler) {
      onSignal.add(handler);
      return () => void onSignal.delete(handler);
    },
    onFatal(handler) {
      onFatal.add(handler);
      return () => void onFatal.delete(handler);
    },
    exit: (code) => void exits.push(code),
    printError: (text) => void printed.push(text),
    signal(signal) {
      for (const handler of onSignal) handler(signal);
    },
    fatal(kind, error) {
      for (const handler of onFatal) handler(kind, error);
    },
    listeners: () => onSignal.size + onFatal.size,
  };
}

/** Secrets by reference, or by their wrapped text, from an object; everything else is not set. */
export function memorySecrets(values: Readonly<Record<string, string | Buffer>>): SecretSource {
  const resolve = (ask: SecretAsk): SecretResult => {
    const ref = typeof ask === 'string' ? ask : ask.wrapped;
    const value = Object.hasOwn(values, ref) ? values[ref] : undefined;
    return value === undefined
      ? { ok: false, problem: { ref, code: 'not-set', message: `secret ${ref} is not set` } }
      : { ok: true, value: Buffer.from(value) };
  };
  return {
    resolve,
    async prepare(refs) {
      return refs.map(resolve).flatMap((result) => (result.ok ? [] : [result.problem]));
    },
  };
}
