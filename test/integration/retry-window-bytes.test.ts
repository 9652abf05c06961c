// What a retry scheduler holds in memory has one bound for the process, and large bodies all come back.

import { systemClock } from '@postrider/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';
import { waitingRetry } from '../support/waiting-retry.ts';

const environment = testPrefix('retrybytes');
const bodyBytes = 512 * 1024;
const records = 64;
const windowBytes = 8 * 1024 * 1024;
let postrider: TestPostrider;

beforeAll(async () => {
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment,
    tiers: '5s',
    set: [`retry.windowBytes=${windowBytes}`],
  });
  await postrider.applyTopics();
});
afterAll(() => postrider?.stop());

it('holds no more than that, and gives everything back', async () => {
  const topic = postrider.topics.retry({ name: '5s' });
  const nowMs = systemClock.now();
  const body = Buffer.alloc(bodyBytes, 'x');
  for (let n = 0; n < records; n += 1)
    await postrider.appender.append(
      waitingRetry({ environment, topic, n, nowMs, delayMs: 5_000, partition: n % 4, body }),
    );
  await postrider.start(['retry-scheduler']);
  await postrider.ready(30_000);
  const held: number[] = [];
  const look = async (): Promise<number> => {
    const { text } = await postrider.metrics.scrape();
    held.push(Number(/^postrider_window_bytes\{service="retry-scheduler"\} (\d+)/m.exec(text)?.[1]));
    const ends = await postrider.cluster.admin().endOffsets(postrider.topics.dispatches);
    return [...ends.values()].reduce((sum, end) => sum + end, 0);
  };
  await eventually(look, (given) => given === records, 60_000);
  // Some was held, and never more than the bound with what a fetch of each partition brings: one record, or half a mebibyte.
  expect(Math.max(...held)).toBeGreaterThan(windowBytes / 4);
  expect(Math.max(...held)).toBeLessThanOrEqual(windowBytes + 4 * (bodyBytes + 1_024));
});
