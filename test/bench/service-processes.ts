// The services, each a process of its own as an operator would start it, with its log in a file.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { stopMs } from './limits.ts';

export const profiled = ['convergence', 'dispatch', 'retry-scheduler', 'audit-projector'] as const;
export type ProfiledName = (typeof profiled)[number];

export interface ServiceProcess {
  readonly service: ProfiledName;
  readonly pid: number;
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
const running = new Set<ChildProcess>();

// Whatever ends this process, nothing stays.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startServices(options: ServicesOptions): ServiceProcess[] {
  const dispatchers = Array.from({ length: options.dispatchProcesses }, () => 'dispatch' as const);
  const services: ProfiledName[] = ['audit-projector', 'retry-scheduler', ...dispatchers, 'convergence'];
  return services.map((service, index) => startOne(service, `${service}-${index}`, options));
}

function startOne(service: ProfiledName, name: string, { env, folder, profile }: ServicesOptions): ServiceProcess {
  const log = openSync(join(folder, `${name}.log`), 'w');
  const flags = profile.includes(service) ? ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`] : [];
  const child = spawn(process.execPath, [...flags, cli, 'run', service], {
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
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

/** The end of a log, for an error message. */
export function logTail(path: string): string {
  const { size } = statSync(path);
  return readFileSync(path)
    .subarray(Math.max(0, size - logTailBytes))
    .toString();
}
