// What a replay writes, byte by byte, with no service running: letters are put into the queue by hand.

import {
  deadLetterHeaders,
  encodeAudit,
  decodeAudit,
  decodeDispatch,
  dispatchHeaders,
  goneRecord,
  partitionOf,
  topicNames,
  type AttemptSettled,
  type EndpointDisabled,
  type AuditRecord,
  type TopicNames,
} from '@postrider/core/contracts';
import type { Dispatch, EndpointId } from '@postrider/core/domain';
import { headerText, openCluster, type KafkaCluster, type KafkaRecord } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

let cli: CliTerminal;
let cluster: KafkaCluster;
let topics: TopicNames;

const body = Buffer.from('{ "order":1998600000000026050 }');

function dispatchOf(id: string, endpoint: string, round: number): Dispatch {
  return {
    dispatchId: `dsp_${id.repeat(26)}`,
    round,
    attempt: 3,
    endpointId: endpoint,
    projectId: 'shop',
    eventId: `event-${id}`,
    eventType: 'order.paid',
    createdMs: 1_000,
    roundStartedMs: 2_000,
    dueMs: 3_000,
    hop: 2,
    park: 1,
    origin: 'upstream/0/7',
    body,
  } as unknown as Dispatch;
}

async function putLetter(
  dispatch: Dispatch,
  reason: 'retries-exhausted' | 'undecodable' = 'retries-exhausted',
): Promise<void> {
  const appender = cluster.openAppender();
  const headers = deadLetterHeaders(dispatchHeaders(dispatch), {
    reason,
    topic: topics.dispatches,
    partition: 0,
    offset: 0,
    group: 'g',
    attempts: 3,
    message: 'HTTP 500',
  });
  const partition = partitionOf(dispatch.endpointId, 4);
  await appender.append({
    topic: topics.dlq,
    partition,
    key: dispatch.endpointId,
    value: Buffer.from(dispatch.body),
    headers,
  });
  await appender.close();
}

async function recordsOf(topic: string): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  await cluster.scan({ topic, from: 'earliest', timeoutMs: 10_000, onRecord: (record) => void records.push(record) });
  return records;
}

async function audited(): Promise<AuditRecord[]> {
  return (await recordsOf(topics.audit)).flatMap(({ value }) => {
    const decoded = decodeAudit(value);
    return decoded.ok ? [decoded.value] : [];
  });
}

/** Ten attempts in a row that failed, the last of them at this moment: the endpoint's breaker is open for five seconds. */
async function putFailures(endpoint: string, atMs: number): Promise<void> {
  const appender = cluster.openAppender();
  for (let n = 1; n <= 10; n++) {
    const record = {
      type: 'AttemptSettled',
      endpoint,
      endpointVersion: 1,
      attemptId: `dsp_${'f'.repeat(26)}.0.${n}`,
      startedAt: new Date(atMs).toISOString(),
      durationMs: 0,
      outcome: 'timeout',
      status: 'ERROR',
      disposition: { kind: 'retry', dueMs: 0, attempt: n + 1 },
    } as unknown as AttemptSettled;
    const partition = partitionOf(endpoint, 4);
    await appender.append({ topic: topics.attempts, partition, key: endpoint, value: encodeAudit(record) });
  }
  await appender.close();
}

const replay = (endpoint: string): string[] => [
  'replay',
  'start',
  '--endpoint',
  endpoint,
  '--reason',
  'mended',
  '--yes',
];

beforeAll(async () => {
  cli = await cliTerminal('clireplay', { POSTRIDER_POSTGRES_URL: '' });
  cluster = openCluster({ brokers: testBrokers(), clientId: 'cli-replay-test' });
  topics = topicNames(cli.environment);
  await cli.json(['topics', 'apply']);
  // One dispatch that died in two rounds, the second letter standing twice; one that cannot be read; another endpoint's.
  await putLetter(dispatchOf('a', 'shop-eu', 0));
  await putLetter(dispatchOf('a', 'shop-eu', 1));
  await putLetter(dispatchOf('a', 'shop-eu', 1));
  await putLetter(dispatchOf('b', 'shop-eu', 0), 'undecodable');
  await putLetter(dispatchOf('c', 'shop-us', 0));
});
afterAll(() => cluster?.close());

describe('a replay', () => {
  it('opens one round after the last one of each dispatch, and ends with 5 when a letter cannot be read', async () => {
    // Each look at the clock is a second later: what is asked first is when it was planned.
    let atMs = 8_000;
    const [result] = await cli.json(replay('shop-eu'), { exit: 5, now: () => (atMs += 1_000) });
    expect(result).toMatchObject({ planned: 1, sent: 1, skipped: 0, failed: 1 });
    const [record, ...others] = await recordsOf(topics.dispatches);
    expect(others).toEqual([]);
    expect(record).toMatchObject({ partition: partitionOf('shop-eu', 4), value: body });
    expect(record?.key?.toString()).toBe('shop-eu');
    const dispatch = record && decodeDispatch((name) => headerText(record.headers, name), record.value);
    expect(dispatch).toMatchObject({
      ok: true,
      value: {
        ...dispatchOf('a', 'shop-eu', 2),
        attempt: 1,
        roundStartedMs: expect.any(Number) as number,
        dueMs: 9_000,
        hop: 0,
        park: 0,
        replay: result?.['replay'],
      },
    });
    expect(dispatch?.ok === true && dispatch.value.roundStartedMs).toBeGreaterThan(9_000);
    expect(
      [...(record?.headers.keys() ?? [])].filter((name) => name.startsWith('__dlq') || name === 'pr-reason'),
    ).toEqual([]);
  });

  it('is audited before and after, with who, why and how many', async () => {
    expect(await audited()).toMatchObject([
      { type: 'ReplayRequested', actor: 'tester', reason: 'mended', filter: { endpoint: 'shop-eu' }, planned: 1 },
      { type: 'ReplayFinished', actor: 'tester', sent: 1, skipped: 0, failed: 1 },
    ]);
  });

  it('is skipped where the round is open already, and then writes no dispatch', async () => {
    expect(await cli.json(replay('shop-eu'), { exit: 1 })).toMatchObject([{ sent: 0, skipped: 1, failed: 1 }]);
    expect(await recordsOf(topics.dispatches)).toHaveLength(1);
  });

  it('takes no letter from the queue', async () => {
    expect(await recordsOf(topics.dlq)).toHaveLength(5);
    // The copy of a letter is the same letter.
    expect(await cli.json(['dlq', 'list', '--endpoint', 'shop-eu'])).toHaveLength(3);
    expect(await cli.json(['dlq', 'list', '--limit', '1'])).toMatchObject([{ endpointId: 'shop-us' }]);
  });

  it('marks a letter by the later one even when PostgreSQL is not there to ask', async () => {
    const letters = await cli.json(['dlq', 'list', '--endpoint', 'shop-eu', '--reason', 'retries-exhausted']);
    expect(letters.map(({ round, now, nowRound }) => ({ round, now, nowRound }))).toEqual([
      { round: 1, now: 'dead', nowRound: 1 },
      { round: 0, now: 'replayed', nowRound: 1 },
    ]);
  });
});

describe('a replay to an endpoint that nothing is sent to', () => {
  const apply = (...endpoints: readonly Record<string, unknown>[]): Promise<unknown> =>
    cli.json(['endpoints', 'apply', '-', '--prune'], {
      stdin: JSON.stringify({ environment: cli.environment, endpoints }),
    });
  const url = 'https://hooks.acme-shop.com/x';
  const shop = { project: 'shop', profile: 'plain', url, eventTypes: ['*'] };

  it('is refused with what mends it, forced or not, instead of making a dead letter of a dead letter', async () => {
    await apply(
      { ...shop, id: 'shop-off', status: 'disabled' },
      { ...shop, id: 'shop-gone' },
      { ...shop, id: 'shop-was' },
    );
    await apply({ ...shop, id: 'shop-off', status: 'disabled' }, { ...shop, id: 'shop-gone' });
    const at = new Date().toISOString();
    const disabled = { type: 'EndpointDisabled', endpoint: 'shop-gone', endpointVersion: 1, reason: 'gone', at };
    const appender = cluster.openAppender();
    await appender.append({
      topic: topics.attempts,
      partition: partitionOf('shop-gone', 4),
      key: 'shop-gone',
      value: encodeAudit(disabled as unknown as EndpointDisabled),
    });
    await appender.close();
    for (const [n, id, mend] of [
      ['x', 'shop-off', 'Enable it with'],
      ['y', 'shop-gone', 'makes a newer version'],
      ['z', 'shop-was', 'Make it anew with'],
    ] as const) {
      await putLetter(dispatchOf(n, id, 0));
      for (const argv of [replay(id), [...replay(id), '--force']]) {
        const { exit, stderr } = await cli.postrider(argv);
        expect([exit, stderr]).toEqual([4, expect.stringContaining(mend)]);
      }
      expect((await recordsOf(topics.dispatches)).filter(({ key }) => String(key) === id)).toEqual([]);
      const [look] = await cli.json([...replay(id), '--dry-run']);
      expect(look).toMatchObject({ sent: 0, planned: 1, shutEndpoints: [{ endpoint: id }] });
    }
  });
});

describe('a replay to a paused endpoint', () => {
  it('is made, and says that it waits', async () => {
    const file = {
      environment: cli.environment,
      endpoints: [
        {
          id: 'shop-paused',
          project: 'shop',
          url: 'https://hooks.example.com/in',
          eventTypes: ['order.*'],
          profile: 'plain',
          status: { kind: 'paused', reason: 'moving house' },
        },
      ],
    };
    await cli.json(['endpoints', 'apply', '-'], { stdin: JSON.stringify(file) });
    await putLetter(dispatchOf('p', 'shop-paused', 0));
    const { exit, stdout, stderr } = await cli.postrider([...replay('shop-paused'), '--json']);
    expect({ exit, said: stderr.includes('shop-paused is paused') }).toEqual({ exit: 0, said: true });
    expect(JSON.parse(stdout)).toMatchObject({ sent: 1, pausedEndpoints: ['shop-paused'] });
  });
});

describe('an endpoint that answered 410 long ago', () => {
  it('is told of by list and show, is not replayed to, and is renewed by name', async () => {
    const file = (...ids: readonly string[]) => ({
      stdin: JSON.stringify({
        environment: cli.environment,
        endpoints: ids.map((id) => ({
          id,
          project: 'shop',
          profile: 'plain',
          url: 'https://hooks.acme-shop.com/x',
          eventTypes: ['*'],
        })),
      }),
    });
    const apply = ['endpoints', 'apply', '-'];
    const listed = async () =>
      (await cli.json(['endpoints', 'list'])).find(({ endpointId }) => endpointId === 'shop-long') ?? {};
    await cli.json(apply, file('shop-long'));
    const { version } = (await listed()) as { version: number };
    const appender = cluster.openAppender();
    const atMs = Date.now() + 1_000;
    await appender.append(goneRecord({ endpointId: 'shop-long' as EndpointId, version, atMs }, topics));
    await appender.close();
    await putLetter(dispatchOf('l', 'shop-long', 0));

    const goneSince = new Date(atMs).toISOString();
    expect(await listed()).toMatchObject({ goneSince });
    expect(await cli.json(['endpoints', 'show', 'shop-long'])).toMatchObject([{ health: { goneSince } }]);
    const refused = await cli.postrider(replay('shop-long'));
    expect([refused.exit, refused.stderr]).toEqual([4, expect.stringContaining('--renew shop-long')]);

    const changeOf = (changes: readonly Record<string, unknown>[]) =>
      changes.find(({ endpoint }) => endpoint === 'shop-long');
    expect(changeOf(await cli.json(apply, file('shop-long')))).toMatchObject({ kind: 'unchanged' });
    const strange = await cli.postrider([...apply, '--renew', 'shop-typo'], file('shop-long'));
    expect([strange.exit, strange.stderr]).toEqual([1, expect.stringContaining('shop-typo')]);
    const renewed = [...apply, '--renew', 'shop-long'];
    expect(changeOf(await cli.json(renewed, { ...file('shop-long'), now: () => atMs + 1_000 }))).toMatchObject({
      kind: 'changed',
      fields: ['version'],
      after: { version: version + 1 },
    });
    expect(await listed()).toMatchObject({ version: version + 1, goneSince: null });
    expect(await cli.json(replay('shop-long'))).toMatchObject([{ sent: 1 }]);
  });

  it('a list of letters that holds none says what there is, and which endpoint nobody knows', async () => {
    const list = ['dlq', 'list', '--endpoint'];
    const reason = await cli.postrider([...list, 'shop-long', '--reason', 'exhausted']);
    expect(reason).toMatchObject({ exit: 0, stdout: expect.stringContaining('no dead letters') as string });
    expect(reason.stderr).toMatch(/none has the reason exhausted; there are: 1 /);
    expect((await cli.postrider([...list, 'shop-typo'])).stderr).toContain('there is no endpoint shop-typo');
    const before = await cli.postrider([...list, 'shop-eu', '--to', '2001-01-01']);
    expect([before.stdout, before.stderr]).toEqual([
      expect.stringContaining('no dead letters'),
      expect.not.stringContaining('no letter names one'),
    ]);
  });
});

describe('a replay to an endpoint whose circuit breaker is open', () => {
  const failedMs = Date.now();
  const argv = replay('shop-down');
  const sentTo = async (): Promise<number> =>
    (await recordsOf(topics.dispatches)).filter(({ key }) => String(key) === 'shop-down').length;

  beforeAll(async () => {
    const url = 'https://hooks.acme-shop.com/x';
    const endpoint = { id: 'shop-down', project: 'shop', profile: 'plain', url, eventTypes: ['*'] };
    const file = { environment: cli.environment, endpoints: [endpoint] };
    await cli.json(['endpoints', 'apply', '-'], { stdin: JSON.stringify(file) });
    await putFailures('shop-down', failedMs);
    await putLetter(dispatchOf('d', 'shop-down', 0));
  });

  it('is refused, with the time of the next probe, and writes nothing', async () => {
    const now = (): number => failedMs + 1_000;
    const before = (await audited()).length;
    const { exit, stderr, json } = await cli.postrider([...argv, '--json'], { now });
    expect([exit, json]).toEqual([4, []]);
    const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
    expect(error).toMatchObject({
      code: 'refused',
      details: [{ endpoint: 'shop-down', nextProbe: new Date(failedMs + 5_000).toISOString(), openings: 1 }],
    });
    expect(error['message']).toMatch(/nothing was sent: .*open since .*next probe \(in 4s; .*--force/);
    expect([await sentTo(), (await audited()).length]).toEqual([0, before]);
  });

  it('can be looked at all the same, and says that it would be refused', async () => {
    const dryRun = [...argv, '--dry-run'];
    const { exit, stderr } = await cli.postrider(dryRun, { now: () => failedMs + 1_000 });
    expect([exit, stderr]).toEqual([0, expect.stringContaining('would be refused: the circuit breaker of shop-down')]);
  });

  it('begins when it is forced', async () => {
    const forced = [...argv, '--force'];
    expect(await cli.json(forced, { now: () => failedMs + 1_000 })).toMatchObject([
      { sent: 1, openCircuits: [{ endpoint: 'shop-down' }] },
    ]);
    expect(await sentTo()).toBe(1);
    // Who looks later must see that it was known.
    expect((await audited()).slice(-2)).toMatchObject([
      { type: 'ReplayRequested', openCircuits: ['shop-down'] },
      { type: 'ReplayFinished', sent: 1 },
    ]);
  });

  it('begins when the time of a probe has come: what is replayed is the probe', async () => {
    await putLetter(dispatchOf('e', 'shop-down', 0));
    expect(await cli.json(argv, { now: () => failedMs + 5_000 })).toMatchObject([{ sent: 1, openCircuits: [] }]);
  });
});
