// The services, each a process of its own as an operator would start it, with its log in a file.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { pollMs, stopMs } from './limits.ts';

export const profiled = ['convergence', 'dispatch', 'retry-scheduler', 'audit-projector'] as const;
export type ProfiledName = (typeof profiled)[number];

export interface ServiceProcess {
  readonly service: ProfiledName;
  readonly pid: number;
  readonly logPath: string;
  /** Asks /readyz. */
  ready(): Promise<boolean>;
  /** Resolves with the exit code, or the signal. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL to one that does not end. */
  stop(): Promise<string>;
}

export interface ServicesOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly dispatchProcesses: number;
  /** For logs and profiles; made already. */
  readonly folder: string;
  /** What runs under the CPU profiler. */
  readonly profile: readonly ProfiledName[];
}

const cli = join(import.meta.dirname, '..', '..', 'services', 'postrider', 'src', 'main.ts');
const logTailBytes = 4_000;
const readyMs = 60_000;
const running = new Set<ChildProcess>();

// Whatever ends this process, nothing stays.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts all of them; convergence last, when the others are ready, so that no work is handed from one process to another while
 * they are still joining. `started` holds each from the moment it runs.
 */
export async function startServices(options: ServicesOptions, started: ServiceProcess[]): Promise<void> {
  const dispatchers = Array.from({ length: options.dispatchProcesses }, (_, index) => ['dispatch', index + 1] as const);
  const others: (readonly [ProfiledName, number])[] = [['audit-projector', 1], ['retry-scheduler', 1], ...dispatchers];
  for (const [service, number] of others) started.push(startOne(service, `${service}-${number}`, options));
  await allReady(started);
  started.push(startOne('convergence', 'convergence-1', options));
}

async function allReady(services: readonly ServiceProcess[]): Promise<void> {
  const until = performance.now() + readyMs;
  for (;;) {
    const answers = await Promise.all(services.map((service) => service.ready()));
    if (answers.every(Boolean)) return;
    if (performance.now() > until) {
      const late = services.filter((_, index) => !answers[index]);
      throw new Error(
        `not ready after ${readyMs} ms: ${late.map(({ service, logPath }) => `${service}\n${logTail(logPath)}`).join('\n')}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** One more. */
export function startOne(
  service: ProfiledName,
  name: string,
  { env, folder, profile }: Omit<ServicesOptions, 'dispatchProcesses'>,
): ServiceProcess {
  const logPath = join(folder, `${name}.log`);
  const log = openSync(logPath, 'w');
  const flags = profile.includes(service)
    ? ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`]
    : [];
  const child = spawn(process.execPath, [...flags, cli, 'run', service], {
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_OPTIONS: process.env['NODE_OPTIONS'], ...env },
  });
  closeSync(log);
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]: (string | number | null)[]) => {
    running.delete(child);
    return String(code ?? signal);
  });
  return {
    service,
    pid: child.pid!,
    logPath,
    ready: () => answersReady(logPath),
    ended,
    async stop() {
      const killer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      if (running.has(child)) child.kill('SIGTERM');
      const how = await ended;
      clearTimeout(killer);
      return how;
    },
  };
}

/** The port is a free one, so its address is known from the log alone. */
function answersReady(logPath: string): Promise<boolean> {
  const url = /health and metrics (http:\S+)/.exec(readFileSync(logPath, 'utf8'))?.[1];
  if (url === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const request = get(`${url}/readyz`, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}

/** The end of a log, for an error message. */
export function logTail(path: string): string {
  const { size } = statSync(path);
  return readFileSync(path)
    .subarray(Math.max(0, size - logTailBytes))
    .toString();
}
