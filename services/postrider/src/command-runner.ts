// What commands are declared with: each gets a session, is bounded in time, and ends with an exit code.

import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { formDuration } from './form-values.ts';
import { CliError, type ExitCode } from './failure.ts';
import { readInstant } from './proof-input.ts';
import type { GlobalOptions, Session } from './session.ts';

/** Opens the session of a command from its options, and keeps its exit code. */
export interface CommandRunner {
  /** Runs `body` within `--timeout`; what it returns is the exit code, nothing = 0. */
  bounded(command: Command, body: (session: Session) => Promise<ExitCode | void>): Promise<void>;
  /** Without a time limit, for commands that run until they are stopped. */
  unbounded(command: Command, body: (session: Session) => Promise<ExitCode | void>): Promise<void>;
}

/** Adds a command to its parent. */
export type AddCommand = (parent: Command, runner: CommandRunner) => void;

/** Help that begins with what one types. */
export function examples(...lines: readonly string[]): string {
  return `Examples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** Values of options, with messages for people. */
export const optionValue = {
  duration(text: string): number {
    const ms = formDuration(text);
    if (ms === undefined || ms <= 0) throw new InvalidArgumentError('expected a duration such as 30s or 2m.');
    return ms;
  },
  count(max: number): (text: string) => number {
    return (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
      if (value < 1 || value > max) throw new InvalidArgumentError(`expected a whole number from 1 to ${max}.`);
      return value;
    };
  },
  moment(text: string): Date {
    const date = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? new Date(text) : new Date(Number.NaN);
    if (Number.isNaN(date.getTime()))
      throw new InvalidArgumentError('expected a moment such as 2026-01-31 or 2026-01-31T12:00:00Z.');
    return date;
  },
  /** Epoch ms. */
  instant(text: string): number {
    const ms = readInstant(text);
    if (ms === undefined) throw new InvalidArgumentError('expected seconds, milliseconds, or 2026-01-31T12:00:00Z.');
    return ms;
  },
  word<const W extends string>(...words: readonly W[]): (text: string) => W {
    return (text) => {
      const found = words.find((word) => word === text);
      if (found === undefined) throw new InvalidArgumentError(`expected one of ${words.join(', ')}.`);
      return found;
    };
  },
  repeated(text: string, before: readonly string[] = []): string[] {
    return [...before, text];
  },
};

/** A stretch of time that ends before it begins holds nothing, and nothing found reads like nothing wrong. */
export function checkStretch({ from, to }: { readonly from?: Date; readonly to?: Date }): void {
  if (from !== undefined && to !== undefined && from >= to)
    throw new CliError('usage', `--from ${from.toISOString()} is not before --to ${to.toISOString()}`);
}

/** Options that every command takes, as commander gives them. */
export function globalOptions(command: Command): GlobalOptions {
  const { timeout, ...options } = command.optsWithGlobals<Omit<GlobalOptions, 'timeoutMs'> & { timeout: number }>();
  return { ...options, timeoutMs: timeout };
}
