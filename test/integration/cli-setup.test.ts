// Commands that prepare an environment: topics, tables, endpoints, publishing. Against real Kafka and PostgreSQL.

import { decodeAudit, topicNames, type EndpointChanged } from '@postrider/core/contracts';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '@postrider/postgres';
import { createTestDatabase, testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

let cli: CliTerminal;
let cluster: KafkaCluster;

beforeAll(async () => {
  cli = await cliTerminal('clisetup', { POSTRIDER_EGRESS_ALLOW_HOSTS: 'hooks.shop.test=127.0.0.1' });
  cluster = openCluster({ brokers: testBrokers(), clientId: 'cli-setup-test' });
});
afterAll(() => cluster?.close());

function states(outcomes: readonly Record<string, unknown>[]): unknown[] {
  return [...new Set(outcomes.map(({ state }) => state))];
}

describe('before the topics are made', () => {
  it('every command that needs them says how to make them', async () => {
    const files = { 'e.json': JSON.stringify({ environment: cli.environment, endpoints: [] }) };
    for (const argv of [
      ['endpoints', 'list'],
      ['endpoints', 'apply', 'e.json'],
      ['dlq', 'list'],
      ['publish', '-'],
    ]) {
      const ended = await cli.postrider(argv, { files, stdin: '{"type":"a","project":"p","data":1}' });
      expect(ended).toMatchObject({
        exit: 3,
        stdout: '',
        stderr: expect.stringContaining('postrider topics apply') as string,
      });
    }
  });
});

describe('topics', () => {
  it('are all missing at first, which check reports with 1', async () => {
    expect(states(await cli.json(['topics', 'check'], { exit: 1 }))).toEqual(['missing']);
  });

  it('are not made with more copies than there are brokers', async () => {
    const { exit, stderr } = await cli.postrider(['topics', 'apply', '--set', 'topics.replicationFactor=9']);
    expect(exit).toBe(4);
    expect(stderr).toContain('POSTRIDER_TOPICS_REPLICATION_FACTOR=1');
  });

  it('are made once, by the table', async () => {
    expect(states(await cli.json(['topics', 'apply']))).toEqual(['created']);
    expect(states(await cli.json(['topics', 'apply']))).toEqual(['kept', 'ok']);
    const names = topicNames(cli.environment);
    const admin = cluster.admin();
    const described = await admin.describeTopics([names.dispatches, names.endpoints, names.retry({ name: '200ms' })]);
    expect(described.get(names.dispatches)).toMatchObject({
      partitions: 4,
      config: { 'message.timestamp.type': 'LogAppendTime' },
    });
    expect(described.get(names.endpoints)).toMatchObject({ partitions: 1, config: { 'cleanup.policy': 'compact' } });
    expect(described.size).toBe(3);
    await admin.close();
  });

  it('never change their number of partitions: refused, and nothing else is done either', async () => {
    const argv = ['topics', 'apply', '--set', 'topics.partitions=8', '--set', 'retry.tiers=200ms,1s,2s'];
    const { exit, stderr } = await cli.postrider(argv);
    expect(exit).toBe(4);
    expect(stderr).toContain('nothing was changed');
    expect(states(await cli.json(['topics', 'check']))).toEqual(['kept', 'ok']);
  });

  it('of a tier that the configuration no longer names are reported', async () => {
    const outcomes = await cli.json(['topics', 'check', '--set', 'retry.tiers=200ms'], { exit: 1 });
    expect(outcomes.filter(({ state }) => state !== 'ok' && state !== 'kept')).toMatchObject([
      { topic: `${cli.environment}.retry.1s`, state: 'stranded' },
    ]);
  });

  it('of upstream are left alone', async () => {
    // Made by somebody else, with a number of partitions of its own.
    const upstream = `${cli.environment}.orders`;
    const own = ['--set', `convergence.eventTopics=${upstream}`];
    await cli.json(['topics', 'apply', ...own, '--set', 'topics.partitions=7'], {
      env: { POSTRIDER_ENVIRONMENT: `${cli.environment}x` },
    });
    const outcomes = await cli.json(['topics', 'apply', ...own]);
    expect(outcomes.find(({ topic }) => topic === upstream)).toMatchObject({ state: 'kept', partitions: 7 });
    const admin = cluster.admin();
    expect((await admin.describeTopics([upstream])).get(upstream)).toMatchObject({ partitions: 7 });
    await admin.close();
  });
});

describe('tables', () => {
  it('take as long to make as they take: --timeout is for answers, and the index of a large table is none', async () => {
    const url = await createTestDatabase('clisetupslow');
    const other = openDatabase({ url, applicationName: 'test' });
    const held = Promise.withResolvers<void>();
    // Whoever makes them first holds this lock for as long.
    const holding = other.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock(8101821198635721829)');
      const migrated = cli.json(['db', 'migrate', '--timeout', '300ms'], { env: { POSTRIDER_POSTGRES_URL: url } });
      const first = await Promise.race([migrated.catch((error: unknown) => error), held.promise]);
      return { migrated, first };
    });
    setTimeout(held.resolve, 1_500);
    const { migrated, first } = await holding;
    expect(first).toBeUndefined();
    expect(await migrated).toMatchObject([{ standing: 0 }]);
    await other.close();
  });

  it('are pending, applied, and then as they should be', async () => {
    expect(await cli.postrider(['deliveries', 'list'])).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('postrider db migrate') as string,
    });
    expect(states(await cli.json(['db', 'status'], { exit: 1 }))).toEqual(['pending']);
    const [first] = await cli.json(['db', 'migrate']);
    const applied = first?.['applied'];
    expect(applied).toContain('0001_audit_record.sql');
    expect(await cli.json(['db', 'migrate'])).toEqual([
      { applied: [], standing: Array.isArray(applied) ? applied.length : undefined },
    ]);
    expect(states(await cli.json(['db', 'status']))).toEqual(['applied']);
    expect(await cli.json(['deliveries', 'list'])).toEqual([]);
  });
});

describe('endpoints', () => {
  const url = 'https://hooks.shop.com/in?key=geheim';
  const fileOf = (endpoints: readonly Record<string, unknown>[]): Record<string, string> => ({
    'e.yaml': JSON.stringify({
      environment: cli.environment,
      defaults: { project: 'shop', profile: 'plain', eventTypes: ['order.*'] },
      endpoints,
    }),
  });
  const kinds = (changes: readonly Record<string, unknown>[]): string[] =>
    changes.map(({ kind, endpoint }) => `${String(kind)} ${String(endpoint)}`);

  it('are not written unless everything in the file is right', async () => {
    const { exit, stderr } = await cli.postrider(['endpoints', 'apply', 'e.yaml'], {
      files: fileOf([
        { id: 'a', url },
        { id: 'b', url: 'http://x' },
      ]),
    });
    expect({ exit, stderr: stderr.includes('endpoints[1].url') }).toEqual({ exit: 1, stderr: true });
    expect(await cli.json(['endpoints', 'list'])).toEqual([]);
  });

  it('are not written to another environment', async () => {
    const files = { 'e.yaml': 'environment: live\nendpoints: []' };
    expect((await cli.postrider(['endpoints', 'apply', 'e.yaml'], { files })).exit).toBe(4);
  });

  it('are created, left alone, changed and pruned, version by version', async () => {
    const both = fileOf([
      { id: 'a', url },
      { id: 'b', url },
    ]);
    expect(kinds(await cli.json(['endpoints', 'apply', 'e.yaml', '--dry-run'], { files: both }))).toEqual([
      'created a',
      'created b',
    ]);
    expect(await cli.json(['endpoints', 'list'])).toEqual([]);
    await cli.json(['endpoints', 'apply', 'e.yaml'], { files: both });
    expect(kinds(await cli.json(['endpoints', 'apply', 'e.yaml'], { files: both }))).toEqual([
      'unchanged a',
      'unchanged b',
    ]);

    const changed = fileOf([{ id: 'a', url, timeout: '3s' }]);
    expect(kinds(await cli.json(['endpoints', 'apply', 'e.yaml'], { files: changed }))).toEqual([
      'changed a',
      'missing b',
    ]);
    expect(
      kinds(await cli.json(['endpoints', 'apply', 'e.yaml', '--prune', '--actor', 'ann'], { files: changed })),
    ).toEqual(['unchanged a', 'deleted b']);
    expect(await cli.json(['endpoints', 'list', '--project', 'shop'])).toMatchObject([
      { endpointId: 'a', version: 2, timeoutMs: 3_000 },
    ]);
    expect(await cli.json(['endpoints', 'show', 'a'])).toMatchObject([{ endpointId: 'a', url }]);
    expect(await cli.postrider(['endpoints', 'show', 'b'])).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('was deleted') as string,
    });

    await cli.json(['endpoints', 'apply', 'e.yaml'], { files: both });
    expect(await cli.json(['endpoints', 'show', 'b'])).toMatchObject([{ version: 2 }]);
  });

  it('have every change audited, with masked URLs and the one who did it', async () => {
    const records: EndpointChanged[] = [];
    await cluster.scan({
      topic: topicNames(cli.environment).audit,
      from: 'earliest',
      timeoutMs: 10_000,
      onRecord: ({ value }) => {
        const decoded = decodeAudit(value);
        if (decoded.ok && decoded.value.type === 'EndpointChanged') records.push(decoded.value);
      },
    });
    const told = records.map(
      ({ endpoint, change, actor, before, after }) =>
        `${change} ${endpoint} ${before?.version ?? '-'}→${after?.version ?? '-'} by ${actor}`,
    );
    expect(told.toSorted()).toEqual([
      'changed a 1→2 by tester',
      'changed a 2→3 by tester',
      'created a -→1 by tester',
      'created b -→1 by tester',
      'created b -→2 by tester',
      'deleted b 1→- by ann',
    ]);
    expect(JSON.stringify(records)).not.toContain('geheim');
  });

  it('of the control plane are not taken over by a file', async () => {
    const names = topicNames(cli.environment);
    const [endpoint] = await cli.json(['endpoints', 'show', 'a']);
    const appender = cluster.openAppender();
    // How its receiver is doing is told beside the record, and is no part of it.
    const foreign = { ...endpoint, health: undefined, endpointId: 'cp', managedBy: 'control-plane' };
    await appender.append({ topic: names.endpoints, partition: 0, key: 'cp', value: JSON.stringify(foreign) });
    await appender.close();
    const { exit, stderr } = await cli.postrider(['endpoints', 'apply', 'e.yaml', '--prune'], {
      files: fileOf([{ id: 'cp', url }]),
    });
    expect({ exit, said: stderr.includes('control-plane') }).toEqual({ exit: 4, said: true });
    expect(await cli.json(['endpoints', 'show', 'cp'])).toMatchObject([{ managedBy: 'control-plane', version: 3 }]);
  });
});

describe('publishing', () => {
  it('of a whole file is refused for one bad line', async () => {
    const stdin = '{"type":"a","project":"p","data":1}\n{"type":"","project":"p","data":1}';
    expect(await cli.postrider(['publish', '-'], { stdin })).toMatchObject({
      exit: 1,
      stdout: '',
      stderr: expect.stringContaining('line 2: type is missing') as string,
    });
  });

  it('keeps the events of one subject in one partition, in order', async () => {
    const stdin = Array.from({ length: 20 }, (_, n) =>
      JSON.stringify({ id: `e${n}`, type: 'a', project: 'p', subject: `s${n % 2}`, data: n }),
    ).join('\n');
    const published = await cli.json(['publish', '-'], { stdin });
    for (const parity of [0, 1]) {
      const mine = published.filter((_, n) => n % 2 === parity);
      expect(new Set(mine.map(({ partition }) => partition)).size).toBe(1);
      const offsets = mine.map(({ offset }) => Number(offset));
      expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    }
    expect(new Set(published.map(({ origin }) => origin)).size).toBe(20);
  });

  it('to a topic that does not exist says so and makes none', async () => {
    const { exit } = await cli.postrider(['publish', '-', '--topic', `${cli.environment}.none`], {
      stdin: '{"type":"a","project":"p","data":1}',
    });
    expect(exit).toBe(3);
    const admin = cluster.admin();
    expect(await admin.listTopics()).not.toContain(`${cli.environment}.none`);
    await admin.close();
  });
});
