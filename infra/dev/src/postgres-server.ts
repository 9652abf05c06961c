// One PostgreSQL server of one stack, on its own data folder, on loopback TCP only.

import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { serverAnswers } from '@postrider/postgres';

import { cached } from './cache-folder.ts';
import { spawnGuarded, type Account, type GuardedProcess } from './guarded-process.ts';
import { POSTGRES_READY_TIMEOUT_MS, PROBE_TIMEOUT_MS, READY_POLL_MS } from './limits.ts';
import { logTail } from './log-tail.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { ProcessLedger } from './process-ledger.ts';
import { told, type Progress } from './progress.ts';
import { runToEnd } from './run-to-end.ts';
import { StackError } from './stack-error.ts';

/** Known to everybody on purpose: the server listens on loopback, for development, and holds nothing of worth. */
const USER = 'postrider';
const PASSWORD = 'postrider';

export type PostgresServer = {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL to the postmaster; its backends notice and end. */
  kill(): Promise<void>;
};

export function describePostgresServer(options: {
  binaries: PostgresBinaries;
  /** Where the prepared, empty data folder is kept; reachable by the account. */
  templateParent: string;
  dataFolder: string;
  logFile: string;
  port: number;
  account: Account | undefined;
  fsync: boolean;
  ledger: ProcessLedger;
  progress: Progress;
}): PostgresServer {
  const { binaries, dataFolder, logFile, port, account, ledger } = options;
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`;
  let running: GuardedProcess | undefined;

  /** The last processes of a killed server hold its shared memory for a moment; until then another one refuses to start. */
  async function start(): Promise<void> {
    const deadline = performance.now() + POSTGRES_READY_TIMEOUT_MS;
    for (;;) {
      try {
        return await launch();
      } catch (error) {
        const held = error instanceof StackError && error.message.includes('pre-existing shared memory block');
        if (!held || performance.now() > deadline) throw error;
        await delay(READY_POLL_MS);
      }
    }
  }

  async function launch(): Promise<void> {
    if (running && running.ended() === undefined) return;
    if (!existsSync(join(dataFolder, 'PG_VERSION'))) await fillDataFolder(options);
    const child = await spawnGuarded({
      command: join(binaries.home, 'bin', 'postgres'),
      args: ['-D', dataFolder, ...serverSettings(port, options.fsync)],
      env: postgresEnvironment(),
      logFile,
      guardSignal: 'INT',
      account,
    });
    running = child;
    ledger.record({ ...child.identity, name: 'postgres', marker: dataFolder, stopSignal: 'SIGINT' });
    void child.exited.then(() => ledger.forget(child.identity.pid));
    try {
      await ready(child);
    } catch (error) {
      await child.stop('SIGINT');
      throw error;
    }
  }

  async function ready(child: GuardedProcess): Promise<void> {
    const deadline = performance.now() + POSTGRES_READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const ended = child.ended();
      if (ended !== undefined) throw notStarted(`ended (${ended})`);
      if (await serverAnswers(url, PROBE_TIMEOUT_MS)) return;
      await delay(READY_POLL_MS);
    }
    throw notStarted(`did not answer within ${POSTGRES_READY_TIMEOUT_MS / 1000} s`);
  }

  function notStarted(how: string): StackError {
    return new StackError('start-failed', `PostgreSQL ${how}. The end of ${logFile}:\n${logTail(logFile)}`);
  }

  return {
    url,
    start,
    // SIGINT is the fast shutdown: open connections are ended, data is written.
    stop: async () => running?.stop('SIGINT'),
    kill: async () => running?.kill(),
  };
}

function serverSettings(port: number, fsync: boolean): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '64MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    fsync: fsync ? 'on' : 'off',
    ...(!fsync && { full_page_writes: 'off' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Copies the prepared data folder, which is made on the first start of this version. */
async function fillDataFolder(options: {
  binaries: PostgresBinaries;
  templateParent: string;
  dataFolder: string;
  account: Account | undefined;
  progress: Progress;
}): Promise<void> {
  const { account, dataFolder } = options;
  const owner = account?.uid ?? process.getuid?.() ?? 0;
  const template = join(options.templateParent, `postgres-${options.binaries.version}-data-${owner}`);
  await cached(template, options.progress, (building) =>
    told(options.progress, 'Preparing an empty PostgreSQL database (once)', () => initialise(building, options)),
  );
  mkdirSync(dirname(dataFolder), { recursive: true });
  // `cp -a` keeps owner and mode, which PostgreSQL insists on.
  const copy = `${dataFolder}.new`;
  for (const folder of [copy, dataFolder]) rmSync(folder, { recursive: true, force: true });
  await runToEnd({ command: 'cp', args: ['-a', join(template, 'data'), copy], code: 'start-failed' });
  renameSync(copy, dataFolder);
}

async function initialise(
  folder: string,
  options: { binaries: PostgresBinaries; account: Account | undefined },
): Promise<void> {
  const { account, binaries } = options;
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, PASSWORD);
  if (account) for (const path of [data, passwordFile]) chownSync(path, account.uid, account.gid);
  const identity = ['--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  // Before 17 there is no locale of PostgreSQL's own; none of the machine's is sure to be there but C.
  const builtin = Number.parseInt(binaries.version, 10) >= 17;
  const locale = builtin ? ['--locale-provider', 'builtin', '--locale', 'C.UTF-8'] : ['--locale', 'C'];
  const text = ['--encoding', 'UTF8', ...locale];
  await runToEnd({
    command: join(binaries.home, 'bin', 'initdb'),
    args: ['--pgdata', data, '--no-sync', ...identity, ...text],
    code: 'start-failed',
    env: postgresEnvironment(),
    account,
  });
  rmSync(passwordFile);
}

/** Ours without what PostgreSQL's programs would take as settings. */
function postgresEnvironment(): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))), LC_ALL: 'C' };
}
