// What a replay takes of a queue, with topics and tables in memory.

import { deadLetterHeaders, dispatchHeaders } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import type { KafkaRecord, ScanOptions } from '@postrider/kafka';
import type { RoundState } from '@postrider/postgres';
import { expect, test } from 'vitest';
import { planReplay, ReplayTooLarge, type ReplayFilter, type ReplayPorts } from './replay.ts';

const idOf = (n: number): string =>
  `dsp_${String(n)
    .replaceAll(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)))
    .padStart(26, 'z')}`;

/** The letter of a dispatch that died in `round`, at `atMs`. */
function letter(n: number, { round = 0, atMs = n }: { round?: number; atMs?: number } = {}): KafkaRecord {
  const dispatch = {
    dispatchId: idOf(n),
    round,
    attempt: 3,
    endpointId: 'shop-eu',
    projectId: 'shop',
    eventId: `event-${n}`,
    eventType: 'order.paid',
    createdMs: 0,
    roundStartedMs: 0,
    dueMs: 0,
    hop: 0,
    park: 0,
    origin: 'test.events/0/7',
    body: Buffer.from('{}'),
  } as unknown as Dispatch;
  const cause = {
    reason: 'retries-exhausted',
    topic: 't',
    partition: 0,
    offset: 0,
    group: 'g',
    attempts: 3,
    message: 'm',
  };
  const headers = deadLetterHeaders(dispatchHeaders(dispatch), cause as Parameters<typeof deadLetterHeaders>[1]);
  return {
    topic: 'test.dlq',
    partition: 0,
    offset: n,
    timestamp: atMs,
    key: Buffer.from('shop-eu'),
    value: Buffer.from(dispatch.body),
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, [Buffer.from(text)]])),
  };
}

async function planned(
  letters: readonly KafkaRecord[],
  filter: ReplayFilter,
  rounds: ReadonlyMap<string, readonly RoundState[]> = new Map(),
) {
  const asked: number[] = [];
  const ports = {
    environment: 'test',
    timeoutMs: 1_000,
    cluster: {
      scan: async ({ topic, onRecord }: ScanOptions) => {
        if (topic === 'test.dlq') for (const record of letters) onRecord(record);
      },
    },
    admin: { offsetsAt: async () => new Map([[0, 0]]) },
    reads: {
      rounds: async (dispatches: readonly string[]) => {
        asked.push(dispatches.length);
        return rounds;
      },
    },
  } as unknown as ReplayPorts;
  const { send, skipped } = await planReplay(ports, { endpoint: 'shop-eu', ...filter }, 1_000);
  return { send: send.map(({ dispatch }) => dispatch.dispatchId), skipped: skipped.map(({ reason }) => reason), asked };
}

test('a replay of a time takes the letters of that time, but of a dispatch its last one only', async () => {
  const letters = [letter(1), letter(2), letter(3), letter(4, { atMs: 2 }), letter(4, { round: 1, atMs: 9 })];
  const filter = { from: new Date(2), to: new Date(3) };
  expect(await planned(letters, filter)).toMatchObject({ send: [idOf(2)] });
  expect(await planned(letters, { from: new Date(3) })).toMatchObject({ send: [idOf(3), idOf(4)] });
});

test('ten thousand letters are one question to the tables', async () => {
  const letters = Array.from({ length: 10_000 }, (_, n) => letter(n));
  const rounds = new Map([
    [
      idOf(7),
      [
        { round: 0, state: 'dead' },
        { round: 1, state: 'delivered' },
      ] as const,
    ],
  ]);
  const { send, skipped, asked } = await planned(letters, {}, rounds);
  expect({ send: send.length, skipped, asked }).toEqual({
    send: 9_999,
    skipped: ['round 1 is delivered'],
    asked: [10_000],
  });
});

test('more letters than are held at once are refused with the way to take them, which then works', async () => {
  const letters = Array.from({ length: 10_001 }, (_, n) => letter(n));
  const refused = planned(letters, {});
  await expect(refused).rejects.toThrow(ReplayTooLarge);
  await expect(refused).rejects.toThrow('--from and --to');
  expect((await planned(letters, { to: new Date(10_000) })).send).toHaveLength(10_000);
});
