// A service that starts before its topics exist waits for them and says what to do; it does not die, and it never lets the
// broker create a topic with settings of its own.

import type { KafkaAdmin } from './admin.ts';
import { KafkaError } from './kafka-error.ts';
import type { TopicDescription } from './topic-plan.ts';

export interface WaitOptions {
  /** Topics that belong together by partition number: they are waited for as well until they have as many of them. */
  readonly alike?: readonly string[];
  readonly signal: AbortSignal;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told once per new cause of waiting, with what mends it. */
  readonly onWaiting: (message: string) => void;
}

const recheckMs = 1_000;

/** Descriptions of all topics once every one exists; undefined when the signal was raised first. */
export async function waitForTopics(
  admin: KafkaAdmin,
  names: readonly string[],
  { alike = [], signal, sleep, onWaiting }: WaitOptions,
): Promise<Map<string, TopicDescription> | undefined> {
  let told: string | undefined;
  while (!signal.aborted) {
    const message = await describe(admin, names, alike);
    if (signal.aborted) return undefined;
    if (typeof message !== 'string') return message;
    if (message !== told) onWaiting(message);
    told = message;
    await sleep(recheckMs, signal);
  }
  return undefined;
}

async function describe(
  admin: KafkaAdmin,
  names: readonly string[],
  alike: readonly string[],
): Promise<Map<string, TopicDescription> | string> {
  try {
    const described = await admin.describeTopics(names);
    const missing = names.filter((name) => !described.has(name));
    if (missing.length > 0)
      return `waiting for topics ${missing.join(', ')}: create them with \`postrider topics apply\``;
    const counts = alike.map((name) => ({ name, partitions: described.get(name)!.partitions }));
    if (new Set(counts.map(({ partitions }) => partitions)).size < 2) return described;
    const told = counts.map(({ name, partitions }) => `${name} has ${partitions}`).join(', ');
    return `waiting for topics with as many partitions: ${told}; an endpoint's records have one number in all of them, see \`postrider topics check\``;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The others say what mends them.
    const mend =
      error instanceof KafkaError && error.code !== 'unavailable' && error.code !== 'timeout'
        ? ''
        : 'start it, or set POSTRIDER_KAFKA_BROKERS: ';
    return `waiting for Kafka: ${mend}${message}`;
  }
}
