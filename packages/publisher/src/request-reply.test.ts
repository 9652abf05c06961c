import { encodeReply } from '@postrider/core/contracts';
import type { KafkaCluster, KafkaRecord, TableOptions } from '@postrider/kafka';
import { expect, test } from 'vitest';
import type { EventToPublish } from './event-to-publish.ts';
import { openRequestReply } from './request-reply.ts';

const event = { type: 't', source: 's', data: {} } as unknown as EventToPublish;

/** A cluster whose replies are what the test says. */
async function rig() {
  let onRecord: TableOptions['onRecord'] = () => undefined;
  const cluster = {
    admin: () => ({ endOffsets: async () => new Map(), close: async () => undefined }),
    readTable: (options: TableOptions) => {
      onRecord = options.onRecord;
      return { ready: Promise.resolve(), stop: async () => undefined };
    },
  } as unknown as Pick<KafkaCluster, 'admin' | 'readTable'>;
  const publisher = { publish: async () => ({}) as never };
  const calls = await openRequestReply(cluster, { environment: 'test', publisher, now: () => 0 });
  const answer = (correlationId: string) =>
    onRecord({ value: encodeReply({ correlationId, outcome: 'replied' }, '1') } as KafkaRecord);
  return { calls, answer };
}

test('two calls with one correlation id both get its answer', async () => {
  const { calls, answer } = await rig();
  const first = calls.call(event, { timeoutMs: 60_000, correlationId: 'c' });
  const second = calls.call(event, { timeoutMs: 60_000, correlationId: 'c' });
  answer('c');
  expect(await Promise.all([first, second])).toMatchObject([{ reply: 1 }, { reply: 1 }]);
});

test('a call that is over leaves the other one with its correlation id waiting', async () => {
  const { calls, answer } = await rig();
  const short = calls.call(event, { timeoutMs: 1, correlationId: 'c' });
  const long = calls.call(event, { timeoutMs: 60_000, correlationId: 'c' });
  await expect(short).rejects.toMatchObject({ code: 'reply-timeout' });
  answer('c');
  expect(await long).toMatchObject({ reply: 1 });
});

test('a listener that closes ends every call', async () => {
  const { calls } = await rig();
  const both = [1, 2].map(() => calls.call(event, { timeoutMs: 60_000, correlationId: 'c' }));
  const ends = Promise.allSettled(both);
  await calls.close();
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
