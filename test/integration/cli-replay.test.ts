// What a replay writes, byte by byte, with no service running: letters are put into the queue by hand.

import {
  deadLetterHeaders,
  decodeAudit,
  decodeDispatch,
  dispatchHeaders,
  partitionOf,
  topicNames,
  type AuditRecord,
  type TopicNames,
} from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
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
    const [result] = await cli.json(replay('shop-eu'), { exit: 5, now: () => 9_000 });
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
        roundStartedMs: 9_000,
        dueMs: 9_000,
        hop: 0,
        park: 0,
        replay: result?.['replay'],
      },
    });
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
