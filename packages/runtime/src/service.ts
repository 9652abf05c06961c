// What a process is made of: things that start, say whether they are ready, and stop. Services, connection pools and
// periodic tasks all have this shape, so one place orders their start and stop.

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in words an operator understands; empty when ready. */
  readonly reasons: readonly string[];
}

export interface StartContext {
  /** For what happens later and cannot be mended from within: the whole process stops in order and exits with 1. */
  fail(error: Error): void;
}

export interface StopContext {
  /** For the log, e.g. `SIGTERM`. */
  readonly reason: string;
  /** What is left of the process's time to finish work in flight, in ms; may be 0. */
  readonly drainTimeoutMs: number;
}

export interface Service {
  /** Unique within a process; shown in logs and in /readyz. */
  readonly name: string;
  /**
   * Resolves when it runs, which is not yet ready. A rejection means that it did not start and has let go of what it took.
   * `stop` may come while this is under way.
   */
  start(context: StartContext): Promise<void>;
  /** Takes nothing new, finishes what is in flight within the drain time, lets go of everything. Called at most once. */
  stop(context: StopContext): Promise<void>;
  readiness(): Readiness;
}

export type ProcessState = 'starting' | 'running' | 'draining' | 'stopped';

/** The answer of /readyz. */
export interface ProcessReadiness {
  readonly ready: boolean;
  readonly state: ProcessState;
  readonly services: Readonly<Record<string, Readiness>>;
}
