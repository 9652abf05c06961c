// What the next start does about a dead owner's servers: ends exactly those, and nobody else.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';

import { identify } from './process-identity.ts';
import { claimStackFolder, endAllStacks, sweepOrphans, type RecordedServer } from './process-ledger.ts';

const parent = mkdtempSync(join(tmpdir(), 'postrider-ledger-test-'));
const servers: ChildProcess[] = [];
afterAll(() => {
  for (const server of servers) server.kill('SIGKILL');
  rmSync(parent, { recursive: true, force: true });
});

let folder: string;
beforeEach(() => {
  rmSync(parent, { recursive: true, force: true });
  folder = join(parent, 'stack');
  mkdirSync(folder, { recursive: true });
});

/** A process of ours that stands for a server, and what a ledger says about it. */
async function startServer(): Promise<{ child: ChildProcess; recorded: RecordedServer }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  servers.push(child);
  await once(child, 'spawn');
  const identity = identify(child.pid as number);
  if (!identity) throw new Error('the server is not in the process table');
  return { child, recorded: { ...identity, name: 'a server', marker: 'sleep 600', stopSignal: 'SIGTERM' } };
}

/** The identity of a process that has ended. */
async function deadOwner(): Promise<{ pid: number; startedAt: string }> {
  const { child, recorded } = await startServer();
  child.kill('SIGKILL');
  await once(child, 'exit');
  return { pid: recorded.pid, startedAt: recorded.startedAt };
}

function writeLedger(content: object): void {
  writeFileSync(join(folder, 'processes.json'), JSON.stringify({ fresh: true, ...content }));
}

describe('servers of a dead owner', () => {
  test('are ended, and throw-away data goes with them', async () => {
    const { child, recorded } = await startServer();
    writeLedger({ owner: await deadOwner(), servers: [recorded] });
    expect(await sweepOrphans(parent)).toEqual(['a server']);
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGTERM');
    expect(existsSync(folder)).toBe(false);
  });

  test('are left alone when the pid belongs to a process that started at another time', async () => {
    const { child, recorded } = await startServer();
    writeLedger({ owner: await deadOwner(), servers: [{ ...recorded, startedAt: 'earlier' }] });
    expect(await sweepOrphans(parent)).toEqual([]);
    expect(identify(child.pid as number)).toBeDefined();
  });

  test('are left alone when the pid belongs to another program', async () => {
    const { child, recorded } = await startServer();
    writeLedger({ owner: await deadOwner(), servers: [{ ...recorded, marker: 'kafka.Kafka' }] });
    expect(await sweepOrphans(parent)).toEqual([]);
    expect(identify(child.pid as number)).toBeDefined();
  });
});

describe('a stack whose owner lives', () => {
  test('is not swept, and cannot be claimed by another', async () => {
    const { child, recorded } = await startServer();
    const ledger = await claimStackFolder(folder, true);
    ledger.record(recorded);
    expect(await sweepOrphans(parent)).toEqual([]);
    expect(identify(child.pid as number)).toBeDefined();
    await expect(claimStackFolder(folder, true)).rejects.toMatchObject({ code: 'already-running' });
    ledger.release();
    expect(existsSync(folder)).toBe(false);
  });

  test('keeps its data when it is not a throw-away one, and can then be claimed again', async () => {
    const ledger = await claimStackFolder(folder, false);
    writeFileSync(join(folder, 'data'), '');
    ledger.release();
    expect(existsSync(join(folder, 'data'))).toBe(true);
    const again = await claimStackFolder(folder, false);
    again.release();
  });

  test('is ended by clean, owner first', async () => {
    const owner = await startServer();
    const server = await startServer();
    writeLedger({ owner: owner.recorded, servers: [server.recorded] });
    expect(await endAllStacks(parent)).toHaveLength(2);
    expect(existsSync(folder)).toBe(false);
  });
});
