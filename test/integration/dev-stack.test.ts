// The dev stack on its own servers: free ports, kept data, restarts, and above all that no process stays behind,
// however its owner ends.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startStack, type StackOptions } from '@postrider/dev-stack';
import { createDatabase } from '@postrider/postgres';
import { openCluster } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
mkdirSync(join(root, '.postrider'), { recursive: true });
const parent = mkdtempSync(join(root, '.postrider', 'dev-stack-test-'));

/** Whatever servers this run was given: here only our own count. */
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_POSTGRES_URL: _p, POSTRIDER_CONTAINERS: _c, ...env } = process.env;

const owners: ChildProcess[] = [];
afterAll(() => {
  for (const owner of owners) owner.kill('SIGKILL');
  rmSync(parent, { recursive: true, force: true });
});

function folder(name: string): string {
  return join(parent, name);
}

function start(name: string, options: StackOptions = {}): ReturnType<typeof startStack> {
  return startStack({ dataDir: folder(name), fresh: true, env, postgres: { fsync: false }, ...options });
}

async function brokersAnswer(brokers: string[]): Promise<number> {
  const cluster = openCluster({ brokers, clientId: 'dev-stack-test' });
  try {
    const topics = await cluster.admin().listTopics();
    return topics.length;
  } finally {
    await cluster.close();
  }
}

/** Resolves when `condition` holds; its deadline is the test's. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(50);
}

/** A process of its own that starts a stack in `name` and says its addresses. */
async function startOwner(
  name: string,
): Promise<{ owner: ChildProcess; servers: number[]; exited: Promise<number | null> }> {
  const args = [join(root, 'infra/dev/src/main.ts'), '--data-dir', folder(name), '--fresh'];
  const owner = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  owners.push(owner);
  let said = '';
  let told = '';
  owner.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  owner.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => owner.once('exit', (code) => resolve(code)));
  await until(() => /POSTRIDER_POSTGRES_URL=\S+\n/.test(said) || owner.exitCode !== null);
  if (owner.exitCode !== null) throw new Error(`the owner ended:\n${told}`);
  const ledger = JSON.parse(readFileSync(join(folder(name), 'processes.json'), 'utf8')) as {
    servers: { pid: number }[];
  };
  return { owner, servers: ledger.servers.map(({ pid }) => pid), exited };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('two stacks', () => {
  test('run side by side on their own free ports, and leave nothing when they are stopped', async () => {
    const [one, two] = await Promise.all([start('one'), start('two')]);
    const addresses = [
      ...one.kafka.brokers,
      ...two.kafka.brokers,
      new URL(one.postgres.url).host,
      new URL(two.postgres.url).host,
    ];
    expect(new Set(addresses).size).toBe(4);
    await expect(brokersAnswer(two.kafka.brokers)).resolves.toBe(0);
    await Promise.all([one.stop(), two.stop()]);
    expect(existsSync(folder('one'))).toBe(false);
    await expect(createDatabase(one.postgres.url, 'too_late')).rejects.toThrow(/ECONNREFUSED/);
  });

  test('do not share a folder: the second is refused and says by whom it is held', async () => {
    const one = await start('shared', { kafka: false });
    await expect(start('shared', { kafka: false })).rejects.toThrow(`process ${process.pid}`);
    await one.stop();
  });
});

describe('a stack with one broker', () => {
  let stack: Awaited<ReturnType<typeof startStack>>;
  beforeAll(async () => {
    stack = await start('restarts', { fresh: false });
  });
  afterAll(() => stack.stop());

  test('keeps its records through kill -9 of the broker and answers on the same port', async () => {
    const cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'dev-stack-test' });
    await cluster.admin().applyTopics([{ name: 'kept', partitions: 1, replicationFactor: 1, config: {} }]);
    const appender = cluster.openAppender();
    await appender.append({ topic: 'kept', partition: 0, key: null, value: 'before' });
    await stack.killKafka();
    await stack.restartKafka();
    const values: (string | undefined)[] = [];
    const onRecord = (record: { value: Buffer | null }): void => void values.push(record.value?.toString());
    await cluster.scan({ topic: 'kept', from: 'earliest', timeoutMs: 20_000, onRecord });
    await cluster.close();
    expect(values).toEqual(['before']);
  });

  test('keeps its databases through kill -9 of PostgreSQL and through a clean stop', async () => {
    await stack.createDatabase('kept');
    for (const how of ['kill', 'stop'] as const) {
      await stack.stopPostgres(how);
      await expect(stack.createDatabase('kept')).rejects.toThrow(/ECONNREFUSED/);
      await stack.startPostgres();
      await expect(stack.createDatabase('kept')).rejects.toThrow(/already exists/);
    }
  });

  test('keeps its data and its ports from one start to the next', async () => {
    const before = { brokers: stack.kafka.brokers, url: stack.postgres.url };
    await stack.stop();
    stack = await start('restarts', { fresh: false });
    expect({ brokers: stack.kafka.brokers, url: stack.postgres.url }).toEqual(before);
    await expect(stack.createDatabase('kept')).rejects.toThrow(/already exists/);
    await expect(brokersAnswer(stack.kafka.brokers)).resolves.toBe(1);
  });
});

describe('no server outlives its owner', () => {
  test('that is interrupted, as by Ctrl-C', async () => {
    const { owner, servers, exited } = await startOwner('interrupted');
    expect(servers.filter(isRunning)).toHaveLength(2);
    owner.kill('SIGINT');
    expect(await exited).toBe(130);
    expect(servers.filter(isRunning)).toEqual([]);
    expect(existsSync(folder('interrupted'))).toBe(false);
  });

  test('that is killed with -9: the servers stop by themselves, and the next start removes the data', async () => {
    const { owner, servers, exited } = await startOwner('killed');
    expect(servers.filter(isRunning)).toHaveLength(2);
    owner.kill('SIGKILL');
    await exited;
    await until(() => servers.filter(isRunning).length === 0);
    expect(existsSync(folder('killed'))).toBe(true);
    const next = await start('next', { kafka: false });
    expect(existsSync(folder('killed'))).toBe(false);
    await next.stop();
  });
});

describe('addresses given by environment', () => {
  test('are used as they are, and nothing is started', async () => {
    const given = { ...env, POSTRIDER_KAFKA_BROKERS: 'a:1, b:2', POSTRIDER_POSTGRES_URL: 'postgres://u:p@c:3/d' };
    const stack = await start('given', { env: given });
    expect(stack.kafka).toEqual({ brokers: ['a:1', 'b:2'], version: undefined, source: 'environment' });
    expect(stack.postgres).toEqual({ url: 'postgres://u:p@c:3/d', source: 'environment' });
    await expect(stack.killKafka()).rejects.toMatchObject({ code: 'not-ours' });
    expect(existsSync(folder('given'))).toBe(false);
    await stack.stop();
  });
});
