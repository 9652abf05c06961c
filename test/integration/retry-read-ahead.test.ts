// The smallest tier takes whatever has less to wait than its delay, so a short wait may stand behind thousands of longer ones.

import { dispatchHeaders } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import { headerText } from '@postrider/kafka';
import { systemClock } from '@postrider/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const environment = testPrefix('readahead');
const tier = { name: '20s' };
let postrider: TestPostrider;

beforeAll(async () => {
  postrider = createTestPostrider({ brokers: testBrokers(), postgresUrl: '', environment, tiers: '20s' });
  await postrider.applyTopics();
});
afterAll(() => postrider?.stop());

/** As dispatch writes a retry that is due in `delayMs`. */
function retry(n: number, delayMs: number) {
  const nowMs = systemClock.now();
  const dispatch = {
    dispatchId: `dsp_${n}`,
    round: 0,
    attempt: 2,
    endpointId: 'shop',
    projectId: 'acme',
    eventId: `evt-${n}`,
    eventType: 'check.done',
    createdMs: nowMs,
    roundStartedMs: nowMs,
    dueMs: nowMs + delayMs,
    hop: 0,
    park: 0,
    origin: `${environment}.events/0/${n}`,
    body: Buffer.from('{}'),
  } as unknown as Dispatch;
  return {
    topic: postrider.topics.retry(tier),
    partition: 0,
    key: 'shop',
    value: Buffer.from('{}'),
    headers: dispatchHeaders(dispatch, { wakeMs: nowMs + delayMs, delayMs }),
  };
}

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
