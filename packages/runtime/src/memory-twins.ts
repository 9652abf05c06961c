// Twins of the ports for tests: they keep what they were given and let a test say what happens.

import type { LogFields, Logger } from './logger.ts';
import type { FatalKind, ProcessHost, StopSignal } from './process-host.ts';
import type { SecretResult, SecretSource } from './secret-source.ts';

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
      flush: () => {},
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

/** Secrets by reference from an object; everything else is not set. */
export function memorySecrets(values: Readonly<Record<string, string | Buffer>>): SecretSource {
  const resolve = (ref: string): SecretResult => {
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
