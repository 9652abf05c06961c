// Which closing records can close anything. They are read out of their bytes, and whoever may write to the topic may have made one up: what
// it names is asked of the server only when it is a place of the audit.

import { topicNames } from '@postrider/core/contracts';

const partitionMax = 2_147_483_647;
const hashText = /^[0-9a-f]{64}$/;
const dayText = /^\d{4}-\d{2}-\d{2}$/;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export interface ClosedSpan {
  readonly day: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly next: number;
  readonly rows: number;
}

/** @param hash that it seals with: a head, or a digest */
export function isClosedSpan(environment: string, closed: ClosedSpan, hash: string): boolean {
  const { day, topic, partition, from, next, rows } = closed;
  const topics = topicNames(environment);
  return (
    (topic === topics.audit || topic === topics.attempts) &&
    [partition, from, next, rows].every(isCount) &&
    partition <= partitionMax &&
    hashText.test(hash) &&
    dayText.test(day) &&
    !Number.isNaN(Date.parse(day))
  );
}
