// The smallest tier takes whatever has less to wait than its delay, so a short wait may stand behind thousands of longer ones.

import { headerText } from '@postrider/kafka';
import { systemClock } from '@postrider/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';
import { waitingRetry } from '../support/waiting-retry.ts';

const environment = testPrefix('readahead');
const tier = { name: '20s' };
let postrider: TestPostrider;

beforeAll(async () => {
  postrider = createTestPostrider({ brokers: testBrokers(), postgresUrl: '', environment, tiers: '20s' });
  await postrider.applyTopics();
});
afterAll(() => postrider?.stop());

const retry = (n: number, delayMs: number) =>
  waitingRetry({ environment, topic: postrider.topics.retry(tier), n, delayMs, nowMs: systemClock.now() });

it('a second of waiting behind five thousand records that wait for twenty is a second', async () => {
  await postrider.appender.appendAll(Array.from({ length: 5_000 }, (_, n) => retry(n, 20_000)));
  await postrider.start(['retry-scheduler']);
  await postrider.ready(30_000);
  await postrider.appender.append(retry(5_000, 1_000));
  const given = async (): Promise<string[]> => {
    const ids: string[] = [];
    await postrider.cluster.scan({
      topic: postrider.topics.dispatches,
      from: 'earliest',
      onRecord: ({ headers }) => void ids.push(headerText(headers, 'pr-dispatch') ?? ''),
    });
    return ids;
  };
  const [first] = await eventually(given, (ids) => ids.length > 0, 30_000);
  expect(first).toBe('dsp_5000');
});
