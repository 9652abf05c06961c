import { KafkaError } from '@postrider/kafka';
import type { AuditStore } from '@postrider/postgres';
import { expect, it } from 'vitest';
import { Projector } from './projector.ts';

const topic = 'test.attempts';

it('says that a partition cannot be read, and how far the tables are behind, until it can', async () => {
  let end = 2;
  const nothing = (): void => undefined;
  const projector = new Projector({
    environment: 'test',
    store: { claimOffsets: async () => [{ topic, partition: 0, next: 2 }] } as unknown as AuditStore,
    consumer: () => ({ pause: nothing, resume: nothing, seek: nothing }),
    logEnd: async () => end,
    observer: { appended: nothing, transacted: nothing, fenced: nothing, failed: nothing, faulty: nothing },
    batchRecords: 10,
    bufferBytes: 1_048_576,
    topicOrder: [topic],
    sleep: async () => undefined,
    monotonic: () => 0,
  });
  const at = { topic, partition: 0, committed: null, logStart: 0, logEnd: end };
  await projector.prepare([at], new AbortController().signal);
  expect([projector.troubles(), projector.lanes()[0]!.lagRecords]).toEqual([[], 0]);
  end = 7;
  await projector.onUnreadable({ topic, partition: 0, offset: 2, error: new KafkaError('undecodable', 'codec 5') });
  expect(projector.troubles()).toEqual(['test.attempts/0 cannot be read at 2: codec 5']);
  expect(projector.lanes()[0]!.lagRecords).toBe(5);
  projector.onRecords({ topic, partition: 0, records: [], nextOffset: 2, highWatermark: 7 });
  expect(projector.troubles()).toEqual([]);
});
