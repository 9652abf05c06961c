// A service that starts before its topics exist waits for them and says what to do; it does not die, and it never lets the
// broker create a topic with settings of its own.

import type { KafkaAdmin } from './admin.ts';
import { KafkaError } from './kafka-error.ts';
import type { TopicDescription } from './topic-plan.ts';

export interface WaitOptions {
  /** Topics in which a record keeps the partition number that it has in the first of them: none may have fewer. One with more does no harm. */
  readonly sameNumbers?: readonly string[];
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
  { sameNumbers = [], signal, sleep, onWaiting }: WaitOptions,
): Promise<Map<string, TopicDescription> | undefined> {
  let told: string | undefined;
  while (!signal.aborted) {
    const message = await describe(admin, names, sameNumbers);
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
  [first, ...others]: readonly string[],
): Promise<Map<string, TopicDescription> | string> {
  try {
    const described = await admin.describeTopics(names);
    const missing = names.filter((name) => !described.has(name));
    if (missing.length > 0)
      return `waiting for topics ${missing.join(', ')}: create them with \`postrider topics apply\``;
    if (first === undefined) return described;
    const { partitions: needed } = described.get(first)!;
    const short = others.map((name) => ({ name, partitions: described.get(name)!.partitions }));
    const told = short
      .filter(({ partitions }) => partitions < needed)
      .map(({ name, partitions }) => `${name} has ${partitions}`);
    if (told.length === 0) return described;
    return `waiting for partitions: ${told.join(', ')}, and ${first} ${needed}; a record has one number in all of them: add those that are missing, see \`postrider topics check\``;
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
