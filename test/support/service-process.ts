// One service as a process of its own, started as an operator would and ended as a fault would.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  /** SIGSTOP: it hangs, with everything open that it had open. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** kill −9; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code; null when a signal ended it. */
  stop(): Promise<number | null>;
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void;
  /** The exit code or signal; undefined while it runs. */
  ended(): string | undefined;
  /** Everything it said on stderr so far. */
  log(): string;
}

const cli = join(import.meta.dirname, '..', '..', 'services', 'postrider', 'src', 'main.ts');
/** Compiled code of earlier starts: half of a start is reading the same files again. */
export const compileCache = join(import.meta.dirname, '..', '..', '.postrider', 'compile-cache');
const logCharsMax = 2_000_000;
const running = new Set<ChildProcess>();

// Whatever ends this process, nothing stays.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts `postrider run <name>` with settings given by environment. */
export function startServiceProcess(name: string, env: Readonly<Record<string, string>>): ServiceProcess {
  const child: ChildProcess = spawn(process.execPath, [cli, 'run', name], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_COMPILE_CACHE: compileCache,
      POSTRIDER_HEALTH_PORT: '0',
      ...env,
    },
  });
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    if (log.length < logCharsMax) log += chunk;
  });
  running.add(child);
  const gone = once(child, 'exit').then(() => running.delete(child));
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  };
  return {
    name,
    pid: child.pid!,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    signal: (name) => void child.kill(name),
    ended: () =>
      child.exitCode === null && child.signalCode === null ? undefined : String(child.exitCode ?? child.signalCode),
    log: () => log,
  };
}
