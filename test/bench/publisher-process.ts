// The publisher as a process of its own: what an upstream team runs, with the publisher package they import.

import { openCluster } from '@postrider/kafka';
import { createPublisher, type Publisher } from '@postrider/publisher';
import { publishBatch } from './limits.ts';
import { answerAsPeer } from './peer-process.ts';
import { dataOf, eventTypeOf } from './traffic.ts';

export interface PublishRange {
  /** Number of the first event; numbers are never used twice in one environment. */
  readonly from: number;
  readonly count: number;
}

let publisher: Publisher | undefined;
let endpoints = 1;
let allowed = 0;
let wakeUp: () => void = () => {};

function publish(number: number, scheduledNs: bigint): Promise<unknown> {
  return publisher!.publish({
    id: `evt-${number}`,
    type: eventTypeOf(number % endpoints),
    project: 'bench',
    subject: `subject-${number % 5_000}`,
    data: dataOf(number, scheduledNs),
  });
}

async function publishBatchFrom(from: number, count: number): Promise<void> {
  const nowNs = process.hrtime.bigint();
  await Promise.all(Array.from({ length: count }, (_, i) => publish(from + i, nowNs)));
}

answerAsPeer({
  async open(options: { readonly brokers: readonly string[]; readonly topic: string; readonly endpoints: number }) {
    await publisher?.close();
    endpoints = options.endpoints;
    allowed = 0;
    publisher = createPublisher(openCluster({ brokers: options.brokers, clientId: 'bench-publisher' }), {
      topic: options.topic,
      source: 'urn:bench',
    });
  },

  /** All of it, as fast as it goes. */
  async flood({ from, count }: PublishRange) {
    for (let done = 0; done < count; done += publishBatch) {
      await publishBatchFrom(from + done, Math.min(publishBatch, count - done));
    }
  },

  /** For a time, never beyond what was allowed. @returns events published */
  async stream({ from, seconds }: { readonly from: number; readonly seconds: number }) {
    const until = performance.now() + seconds * 1_000;
    let done = 0;
    while (performance.now() < until) {
      const room = Math.min(publishBatch, allowed - done);
      if (room > 0) {
        await publishBatchFrom(from + done, room);
        done += room;
      } else {
        await new Promise<void>((resolve) => {
          wakeUp = resolve;
          setTimeout(resolve, 100);
        });
      }
    }
    return done;
  },
  allow(count: number) {
    allowed = count;
    wakeUp();
  },

  /** At fixed times, whatever became of the events before. */
  async clockwork({ from, count, perSecond }: PublishRange & { readonly perSecond: number }) {
    const startNs = process.hrtime.bigint();
    const everyNs = BigInt(Math.round(1e9 / perSecond));
    const under: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const scheduledNs = startNs + everyNs * BigInt(i);
      const waitMs = Number(scheduledNs - process.hrtime.bigint()) / 1e6;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      under.push(publish(from + i, scheduledNs));
    }
    await Promise.all(under);
  },
});
