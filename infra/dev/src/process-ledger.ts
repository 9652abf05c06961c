// Who runs a stack and which servers belong to it, on disk beside the stack's data, so that the next start can
// end what a killed owner left (the guard of guarded-process.ts does so too, unless it was killed as well).

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { withLock } from './file-lock.ts';
import { READY_POLL_MS, STOP_GRACE_MS } from './limits.ts';
import { removeOutsideData } from './outside-data.ts';
import { identify, inspectProcess, isAlive, type ProcessIdentity } from './process-identity.ts';
import { StackError } from './stack-error.ts';

const LEDGER_NAME = 'processes.json';

export type RecordedServer = ProcessIdentity & {
  name: string;
  /** A part of the command line that no other program has, checked again before anything is killed. */
  marker: string;
  /** The signal that it stops quickly and cleanly on. */
  stopSignal: NodeJS.Signals;
};

type LedgerContent = {
  owner: ProcessIdentity;
  /** Its data is thrown away with it. */
  fresh: boolean;
  servers: RecordedServer[];
};

export type ProcessLedger = {
  record(server: RecordedServer): void;
  forget(pid: number): void;
  /** Ends the claim: removes the ledger, and all data when the stack is fresh. */
  release(): void;
};

/**
 * Claims `stackFolder` for this process, after ending what dead owners left in it and in the folders beside it.
 *
 * @throws {StackError} `already-running` when a living process holds the folder
 */
export async function claimStackFolder(stackFolder: string, fresh: boolean): Promise<ProcessLedger> {
  return withLock(
    join(dirname(stackFolder), '.claim.lock'),
    () => {},
    async () => {
      await sweepOrphans(dirname(stackFolder));
      const holder = readLedger(stackFolder)?.owner;
      if (holder) {
        throw new StackError(
          'already-running',
          `A stack is already running from ${stackFolder} (process ${holder.pid}). Stop it, or use it: set POSTRIDER_KAFKA_BROKERS and POSTRIDER_POSTGRES_URL to its addresses.`,
        );
      }
      mkdirSync(stackFolder, { recursive: true });
      return openLedger(stackFolder, fresh);
    },
  );
}

/**
 * Ends every server whose owner has died, in all stack folders under `parent`, and removes their throw-away data.
 *
 * @returns the names of the servers that were still running
 */
export async function sweepOrphans(parent: string): Promise<string[]> {
  const ended: string[] = [];
  for (const { folder, content } of ledgersIn(parent)) {
    if (isAlive(content.owner)) continue;
    for (const server of content.servers) {
      if (await endServer(server)) ended.push(server.name);
    }
    discard(folder, content);
  }
  return ended;
}

/** Ends every recorded stack under `parent`, whoever owns it: for `npm run clean`. */
export async function endAllStacks(parent: string): Promise<string[]> {
  if (!existsSync(parent)) return [];
  const ended: string[] = [];
  for (const { folder, content } of ledgersIn(parent)) {
    const name = `process ${content.owner.pid}, which ran ${folder}`;
    const owner: RecordedServer = { ...content.owner, name, marker: '', stopSignal: 'SIGTERM' };
    if (content.owner.pid !== process.pid && (await endServer(owner))) ended.push(owner.name);
    for (const server of content.servers) if (await endServer(server)) ended.push(server.name);
    discard(folder, { ...content, fresh: true });
  }
  for (const name of readdirSync(parent)) removeOutsideData(join(parent, name));
  return ended;
}

function openLedger(folder: string, fresh: boolean): ProcessLedger {
  const owner = identify(process.pid);
  if (!owner) throw new StackError('start-failed', 'This process cannot be found in the process table.');
  const content: LedgerContent = { owner, fresh, servers: [] };
  const save = (): void => writeLedger(folder, content);
  save();
  return {
    record(server) {
      content.servers.push(server);
      save();
    },
    forget(pid) {
      content.servers = content.servers.filter((server) => server.pid !== pid);
      save();
    },
    release: () => discard(folder, content),
  };
}

async function endServer(server: RecordedServer): Promise<boolean> {
  if (!isOurs(server)) return false;
  sendSignal(server.pid, server.stopSignal);
  const deadline = performance.now() + STOP_GRACE_MS;
  while (isOurs(server) && performance.now() < deadline) await delay(READY_POLL_MS);
  if (isOurs(server)) sendSignal(server.pid, 'SIGKILL');
  return true;
}

function isOurs(server: RecordedServer): boolean {
  const found = inspectProcess(server.pid);
  return found !== undefined && found.startedAt === server.startedAt && found.command.includes(server.marker);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It went by itself in between.
  }
}

function ledgersIn(parent: string): { folder: string; content: LedgerContent }[] {
  let names: string[] = [];
  try {
    names = readdirSync(parent);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const folder = join(parent, name);
    const content = readLedger(folder);
    return content ? [{ folder, content }] : [];
  });
}

function readLedger(folder: string): LedgerContent | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, LEDGER_NAME), 'utf8')) as LedgerContent;
  } catch {
    return undefined;
  }
}

function writeLedger(folder: string, content: LedgerContent): void {
  const file = join(folder, LEDGER_NAME);
  writeFileSync(`${file}.new`, JSON.stringify(content, null, 2));
  renameSync(`${file}.new`, file);
}

function discard(folder: string, content: LedgerContent): void {
  if (!content.fresh) return rmSync(join(folder, LEDGER_NAME), { force: true });
  // Data first, ledger last: a kill in between leaves a ledger that the next start works through again.
  removeOutsideData(folder);
  rmSync(folder, { recursive: true, force: true });
}
