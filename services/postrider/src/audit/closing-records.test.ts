// Many days are dropped one after the other, and each waits for the projector anew.

import { decodeAudit } from '@postrider/core/contracts';
import type { AppendRecord, KafkaCluster } from '@postrider/kafka';
import type { Retention } from '@postrider/postgres';
import { describe, expect, it } from 'vitest';
import { dropDay, type DayPlan, type RetentionPorts } from './retain.ts';

const place = { environment: 'live', topic: 'live.audit', partition: 0 };
const chain = { ...place, first: 0, next: 9, rows: 9, head: 'ab', total: 9 };
const plan = (day: string): DayPlan => ({ day, days: [day], rows: 9, chains: [chain], obstacle: undefined });
const why = { actor: 'ann', reason: 'old' };

/** Ports of a projector that takes so long for a closing record, on a clock that only waiting moves. */
function portsOf(projectorMs: number): RetentionPorts {
  let nowMs = 0;
  const closedMs = new Map<string, number>();
  const appendAll = async (records: readonly AppendRecord[]): Promise<void> => {
    for (const { value } of records) {
      const decoded = decodeAudit(value as Buffer);
      if (decoded.ok && decoded.value.type === 'PartitionClosed') closedMs.set(decoded.value.day, nowMs + projectorMs);
    }
  };
  return {
    environment: 'live',
    cluster: { openAppender: () => ({ appendAll, close: async () => undefined }) } as unknown as KafkaCluster,
    admin: { describeTopics: async () => new Map() },
    retention: {
      closedBases: async () => [],
      isClosed: async (day: string) => nowMs >= (closedMs.get(day) ?? Number.POSITIVE_INFINITY),
      dropDay: async () => 9,
      makeDays: async () => undefined,
    } as unknown as Retention,
    now: () => 0,
    pause: async () => void (nowMs += 1_000),
    monotonic: () => nowMs,
    waitMsMax: 30_000,
  };
}

describe('the wait for a closing record', () => {
  it('is as long for the last of many days as for the first', async () => {
    const ports = portsOf(20_000);
    for (const day of ['2030-05-01', '2030-05-02', '2030-05-03']) expect(await dropDay(ports, plan(day), why)).toBe(9);
  });

  it('ends some time, and says that the same command goes on', async () => {
    await expect(dropDay(portsOf(60_000), plan('2030-05-01'), why)).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('after 30s: is audit-projector running?') as string,
    });
  });
});
