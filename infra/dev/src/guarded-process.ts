// A server process that cannot outlive us. A tiny shell keeps the reading end of a pipe whose other end only
// we hold: when we die, by whatever signal, the pipe ends and the shell stops the server.
//
//   us ──pipe──▶ guard (sh)          the guard is no child of the server and in no terminal's foreground group,
//    └─ spawn ─▶ server (same pid    so Ctrl-C reaches only us and we stop things in order
//               as the first shell)

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { STOP_GRACE_MS } from './limits.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { StackError } from './stack-error.ts';

/** The account a server runs under, where it must not be ours. */
export type Account = { uid: number; gid: number };

export type GuardedProcess = {
  readonly identity: ProcessIdentity;
  /** Resolves when the process has gone, with a short text such as `exit code 1` or `SIGKILL`. */
  readonly exited: Promise<string>;
  /** Undefined while it runs, afterwards what `exited` gave. */
  readonly ended: () => string | undefined;
  /** SIGKILL; resolves when it has gone. */
  kill(): Promise<void>;
  /** Asks politely with `signal`, kills after the grace time, resolves when it has gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
};

// `exec` keeps the pid: the server has the pid we spawned. The guard is forked twice so that the server, which
// does not know it, is not its parent. A line on the pipe means "it ended by itself, go home".
const GUARD_SCRIPT = `
exec 3<&0 </dev/null
(
  trap '' INT TERM HUP
  exec >/dev/null 2>&1
  ( if read -r line <&3; then exit 0; fi
    kill -"$GUARD_SIGNAL" $$ || exit 0
    tries=0
    while kill -0 $$ && [ $tries -lt 80 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL $$
  ) &
)
exec 3<&-
exec "$@"
`;

/**
 * Starts a server whose life ends with ours.
 *
 * @param options.logFile receives stdout and stderr (appended)
 * @param options.guardSignal how the guard asks the server to stop after our death (SIGINT is PostgreSQL's fast one)
 * @throws {StackError} `start-failed` when the command cannot be run at all
 */
export async function spawnGuarded(options: {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  logFile: string;
  guardSignal?: 'TERM' | 'INT';
  account?: Account | undefined;
}): Promise<GuardedProcess> {
  const log = openSync(options.logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'postrider-guard', options.command, ...options.args], {
      cwd: '/',
      env: { ...options.env, GUARD_SIGNAL: options.guardSignal ?? 'TERM' },
      stdio: ['pipe', log, log],
      detached: true,
      ...options.account,
    });
  } finally {
    closeSync(log);
  }
  let ended: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = signal ?? `exit code ${String(code)}`;
      child.stdin?.end('done\n');
      resolve(ended);
    });
  });
  child.stdin?.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new StackError('start-failed', `Could not run ${options.command}: ${cause.message}`, { cause })),
    );
  });
  // Neither the process nor its pipe keeps our event loop alive: the stack's owner decides when to end.
  child.unref();
  (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  const pid = child.pid as number;
  const identity = identify(pid) ?? { pid, startedAt: 'gone' };

  const signal = (name: NodeJS.Signals): void => {
    if (ended === undefined) child.kill(name);
  };
  const gone = async (): Promise<void> => {
    // Waiting for its end must keep the event loop alive, although its life does not.
    if (ended === undefined) child.ref();
    await exited;
  };
  return {
    identity,
    exited,
    ended: () => ended,
    async kill() {
      signal('SIGKILL');
      await gone();
    },
    async stop(name = 'SIGTERM') {
      const killer = setTimeout(() => signal('SIGKILL'), STOP_GRACE_MS);
      signal(name);
      await gone();
      clearTimeout(killer);
    },
  };
}
