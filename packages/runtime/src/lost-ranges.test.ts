import { decodeAudit } from '@postrider/core/contracts';
import { expect, test } from 'vitest';
import { lostRanges } from './lost-ranges.ts';
import { createMetrics } from './metrics.ts';
import { lostRangesToldMax } from './limits.ts';
import { memoryLogger } from './testing.ts';

function rig(append?: () => Promise<unknown>) {
  const written: { topic: string; partition: number; value: Buffer }[] = [];
  const { logger, lines } = memoryLogger();
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const lost = lostRanges({
    service: 'dispatch',
    logger,
    metrics,
    clock: { now: () => Date.UTC(2030, 0, 1) },
    topic: 'live.audit',
    partitions: 4,
    append: (record) => {
      written.push(record);
      return append?.() ?? Promise.resolve();
    },
  });
  return { lost, written, lines, metrics };
}

test('a lost range stands in the audit log, in the metric and in the readiness, once', async () => {
  const { lost, written, metrics } = rig();
  expect(lost.reasons()).toEqual([]);
  for (let i = 0; i < 2; i++) void lost.tell({ topic: 'live.dispatches', partition: 6, from: 10, to: 25 });
  expect(lost.reasons()).toEqual([
    'records 10 to 25 of live.dispatches/6 were deleted before they were read; look at its retention, then restart this process',
  ]);
  expect(written.map(({ topic, partition }) => [topic, partition])).toEqual([['live.audit', 2]]);
  expect(decodeAudit(written[0]!.value)).toMatchObject({
    value: { type: 'RangeLost', service: 'dispatch', topic: 'live.dispatches', partition: 6, from: 10, to: 25 },
  });
  expect((await metrics.scrape()).text).toContain(
    'postrider_range_lost_total{service="dispatch",topic="live.dispatches"} 1',
  );
});

test('a log that was cut is told as one', () => {
  const { lost } = rig();
  void lost.tell({ topic: 't', partition: 0, from: 90, to: 0 });
  expect(lost.reasons()[0]).toMatch(/^t\/0 was cut: it had records up to 90, and is read again from 0/);
});

test('an audit log that does not take the record is an error in the log, not the end of the process', async () => {
  const { lost, lines } = rig(() => Promise.reject(new Error('not authorized')));
  void lost.tell({ topic: 't', partition: 0, from: 1, to: 2 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(JSON.stringify(lines)).toContain('the lost range is not in the audit log');
});

test('what a readiness answer names is bounded', () => {
  const { lost } = rig();
  for (let from = 0; from < 100; from++) void lost.tell({ topic: 't', partition: 0, from, to: from + 1 });
  expect(lost.reasons()).toHaveLength(lostRangesToldMax);
});
