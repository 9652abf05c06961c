// Somebody upstream who publishes all the time, and remembers what the brokers acknowledged: nothing else is promised.

import { createHash } from 'node:crypto';
import { partitionOf } from '@postrider/core/contracts';
import type { PublishedEvent } from './checker/evidence.ts';
import { partitionCount } from './limits.ts';
import { chance } from './receiver-answers.ts';
import type { World } from './world.ts';

const tickMs = 100;
export const eventSource = '/chaos';
export const project = 'acme';
/** Of events for the endpoint that hangs in the calm, and for nobody else. */
export const hungType = 'to.hung';

export interface Load {
  /** Acknowledged so far. */
  readonly published: readonly PublishedEvent[];
  /** This many more at once. */
  burst(events: number): void;
  /** So many for the endpoint that hangs. */
  burstHung(events: number): void;
  /** Resolves when everything that was sent is acknowledged. */
  stop(): Promise<void>;
}

type Kind = PublishedEvent['kind'];

interface EventToSend extends Pick<PublishedEvent, 'id' | 'type' | 'kind'> {
  /** Subject and data follow from it. */
  readonly number: number;
}

/** Of a hundred events, some are for nobody, some cannot be read, and some come a second time. */
function kindOf(seed: number, n: number): Kind {
  const drawn = chance(seed, 'event', n);
  if (drawn < 0.02) return 'for-nobody';
  if (drawn < 0.04) return 'without-type';
  return 'for-endpoints';
}

export function startLoad(world: World, now: () => number): Load {
  const { plan, appender, eventsTopic } = world;
  const published: PublishedEvent[] = [];
  const sending = new Set<Promise<void>>();
  const perTick = Math.max(1, Math.round((plan.eventsPerSecond * tickMs) / 1_000));
  let sent = 0;

  /** The n-th of the steady load. */
  function eventOf(n: number): EventToSend {
    const kind = kindOf(plan.seed, n);
    // An event that is published again keeps everything that makes it that event.
    const again = n > 50 && chance(plan.seed, 'again', n) < 0.02;
    const number = again ? n - 40 : n;
    const type = kind === 'for-nobody' ? 'to.nobody' : `to.${number % plan.endpoints.length}`;
    return { id: `e${number}`, type, kind, number };
  }

  async function publish({ id, type, kind, number }: EventToSend): Promise<void> {
    const subject = `s${number % 97}`;
    const data = JSON.stringify({ number, text: 'x'.repeat(number % 300) });
    const sentMs = now();
    const partition = partitionOf(subject, partitionCount);
    const { offset } = await appender.append({
      topic: eventsTopic,
      partition,
      key: subject,
      value: data,
      headers: {
        ce_specversion: '1.0',
        ce_id: id,
        ce_source: eventSource,
        ...(kind === 'without-type' ? {} : { ce_type: type }),
        ce_project: project,
        ce_subject: subject,
        'content-type': 'application/json',
      },
    });
    const bodySha256 = createHash('sha256').update(data).digest('hex');
    published.push({ id, type, kind, partition, offset, sentMs, ackedMs: now(), bodySha256 });
  }

  const send = (event: EventToSend): void => {
    const publishing: Promise<void> = publish(event).finally(() => sending.delete(publishing));
    // Whoever stops the load hears of it.
    publishing.catch(() => undefined);
    sending.add(publishing);
  };
  const burst = (events: number): void => {
    for (let i = 0; i < events; i += 1) send(eventOf(sent++));
  };
  const timer = setInterval(() => burst(perTick), tickMs);
  return {
    published,
    burst,
    burstHung(events) {
      for (let number = 0; number < events; number += 1)
        send({ id: `h${number}`, type: hungType, kind: 'for-endpoints', number });
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(sending);
    },
  };
}
