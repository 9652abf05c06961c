// The publisher as a process of its own: what an upstream team runs, with the publisher package they import.

import { openCluster } from '@postrider/kafka';
import { randomUUID } from 'node:crypto';
import {
  createPublisher,
  openRequestReply,
  type EventToPublish,
  type Publisher,
  type RequestReply,
} from '@postrider/publisher';
import { callBatch, callTimeoutMs, publishBatch } from './limits.ts';
import { answerAsPeer } from './peer-process.ts';
import { dataOf, eventTypeOf, messageOf } from './traffic.ts';

export interface PublisherSetup {
  readonly brokers: readonly string[];
  readonly environment: string;
  readonly topic: string;
  readonly endpoints: number;
  /** Events are calls: a publication is done when its reply was read. */
  readonly calls: boolean;
}

export interface PublishRange {
  /** Number of the first event; numbers are never used twice in one environment. */
  readonly from: number;
  readonly count: number;
}

let publisher: Publisher | undefined;
let calls: RequestReply | undefined;
/** From the scheduled time to the reply record, in ms, in order of arrival. */
let replyLatencies: number[] = [];
let endpoints = 1;
let allowed = 0;
let wakeUp: () => void = () => {};

const nowMs = (): number => performance.timeOrigin + performance.now();

function publish(number: number, scheduledNs: bigint): Promise<unknown> {
  const event = {
    id: `evt-${number}`,
    type: eventTypeOf(number % endpoints),
    project: 'bench',
    subject: `subject-${number % 5_000}`,
  };
  if (calls === undefined) return publisher!.publish({ ...event, data: dataOf(number, scheduledNs) });
  return call(calls, { ...event, data: messageOf(randomUUID(), new Date(nowMs()).toISOString()) }, scheduledNs);
}

async function call(to: RequestReply, event: EventToPublish, scheduledNs: bigint): Promise<void> {
  const { outcome, reason } = await to.call(event, { timeoutMs: callTimeoutMs });
  replyLatencies.push(Number(process.hrtime.bigint() - scheduledNs) / 1e6);
  if (outcome !== 'replied') throw new Error(`a call was answered ${outcome}: ${reason ?? ''}`);
}

async function publishBatchFrom(from: number, count: number): Promise<void> {
  const nowNs = process.hrtime.bigint();
  await Promise.all(Array.from({ length: count }, (_, i) => publish(from + i, nowNs)));
}

answerAsPeer({
  async open(options: PublisherSetup) {
    await calls?.close();
    await publisher?.close();
    calls = undefined;
    endpoints = options.endpoints;
    allowed = 0;
    replyLatencies = [];
    const cluster = openCluster({ brokers: options.brokers, clientId: 'bench-publisher' });
    publisher = createPublisher(cluster, { topic: options.topic, source: 'urn:bench' });
    if (options.calls)
      calls = await openRequestReply(cluster, { environment: options.environment, publisher, now: nowMs });
  },

  /** All of it, as fast as it goes. */
  async flood({ from, count }: PublishRange) {
    const batch = calls === undefined ? publishBatch : callBatch;
    for (let done = 0; done < count; done += batch) await publishBatchFrom(from + done, Math.min(batch, count - done));
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

  /** In ms, ascending, from the n-th reply on. */
  replyLatencies: (from: number) => replyLatencies.slice(from).sort((a, b) => a - b),
});
