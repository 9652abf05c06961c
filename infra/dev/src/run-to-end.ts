// A one-shot helper program (mvn, pip, initdb, a Java tool): bounded in time, its output kept for the error.

import { spawn } from 'node:child_process';

import type { Account } from './guarded-process.ts';
import { HELPER_TIMEOUT_MS } from './limits.ts';
import { StackError, type StackErrorCode } from './stack-error.ts';

/**
 * Runs a program to its end and returns what it wrote (stdout and stderr together).
 *
 * @throws {StackError} with `code` when it cannot run, takes too long or exits non-zero; the message ends with its last lines
 */
export async function runToEnd(options: {
  command: string;
  args: readonly string[];
  code: StackErrorCode;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  timeoutMs?: number;
  account?: Account | undefined;
}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.command, options.args, {
      env: options.env ?? process.env,
      cwd: options.cwd ?? '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options.account,
    });
    // Not spawn's own timeout: that one goes on ticking when the program does not exist, and keeps us from ending.
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? HELPER_TIMEOUT_MS);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new StackError(options.code, `Could not run ${options.command}: ${cause.message}`, { cause }));
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (exitCode === 0) return resolve(output);
      const how = signal === null ? `exit code ${String(exitCode)}` : `ended by ${signal}`;
      const tail = output.trim().split('\n').slice(-8).join('\n');
      reject(new StackError(options.code, `${options.command} failed (${how}):\n${tail}`));
    });
  });
}
