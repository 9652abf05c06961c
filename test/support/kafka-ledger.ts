// What the brokers acknowledged, held against what stands in the log: the check of "nothing acknowledged is lost".

import type { Appender, KafkaCluster } from '@postrider/kafka';

interface Acknowledged {
  partition: number;
  value: string;
  /** What `append` gave. */
  offset: number;
}

export interface LedgerVerdict {
  acknowledged: number;
  /** Acknowledged records that do not stand at the offset that was returned for them. */
  missing: string[];
  /** Records that stand in the log more than once: allowed, counted. */
  duplicates: number;
  /** Pairs of one partition whose first copies stand in another order than they were appended in. */
  disorder: string[];
}

/** Appends numbered records to one topic and remembers each acknowledgement. */
export class AppendLedger {
  private readonly appender: Appender;
  private readonly topic: string;
  private readonly partitions: number;
  private readonly acknowledged: Acknowledged[] = [];
  private readonly waiting = new Set<Promise<void>>();
  private sent = 0;

  constructor(appender: Appender, topic: string, partitions: number) {
    this.appender = appender;
    this.topic = topic;
    this.partitions = partitions;
  }

  /** Appends `count` records, round the partitions, without waiting for them. A rejection rejects `settled`. */
  append(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const number = this.sent++;
      const partition = number % this.partitions;
      const value = `r${number}`;
      const done = this.appender.append({ topic: this.topic, partition, key: null, value }).then(({ offset }) => {
        this.acknowledged.push({ partition, value, offset });
        this.waiting.delete(done);
      });
      done.catch(() => undefined); // `settled` reports it
      this.waiting.add(done);
    }
  }

  /** Resolves when every record so far is acknowledged. */
  async settled(): Promise<void> {
    await Promise.all(this.waiting);
  }

  /** Records acknowledged so far. */
  count(): number {
    return this.acknowledged.length;
  }

  async verify(cluster: KafkaCluster): Promise<LedgerVerdict> {
    const atOffset = new Map<string, string>();
    const copies = new Map<string, number>();
    const lastNumber = new Map<number, number>();
    const disorder: string[] = [];
    await cluster.scan({
      topic: this.topic,
      from: 'earliest',
      timeoutMs: 30_000,
      onRecord({ partition, offset, value }) {
        const text = String(value);
        atOffset.set(`${partition}/${offset}`, text);
        const before = copies.get(text) ?? 0;
        copies.set(text, before + 1);
        if (before > 0) return;
        const number = Number(text.slice(1));
        const last = lastNumber.get(partition) ?? -1;
        if (number < last) disorder.push(`r${number} after r${last} in ${partition}`);
        lastNumber.set(partition, Math.max(last, number));
      },
    });
    return {
      acknowledged: this.acknowledged.length,
      missing: this.acknowledged
        .filter(({ partition, value, offset }) => atOffset.get(`${partition}/${offset}`) !== value)
        .map(({ partition, value, offset }) => `${value} at ${partition}/${offset}`),
      duplicates: [...copies.values()].reduce((sum, count) => sum + count - 1, 0),
      disorder,
    };
  }
}
