// For tests only: promises 1 and 3, judged from the logs and the requests of a run alone. It knows nothing of the dispatcher.

import type { AttemptSettled, AttemptsRecord, DispatchEnded } from '@postrider/core/contracts';
import { headerText, type KafkaRecord } from '@postrider/kafka';

interface Evidence {
  readonly attempts: readonly AttemptsRecord[];
  readonly dispatches: readonly KafkaRecord[];
  /** `dispatch.round` of what is in the dead letter queue. */
  readonly letters: ReadonlySet<string>;
  /** By correlation: the answers of a call, copies among them. */
  readonly replies: ReadonlyMap<string, readonly string[]>;
  /** Requests of attempts that had been requested before. */
  readonly repeats: number;
  /** Requests whose outcome was truly unknown. */
  readonly allowance: number;
}

/** The promises that broke, in words. */
export function brokenPromises({ attempts, dispatches, letters, replies, repeats, allowance }: Evidence): string[] {
  const first = new Map<string, AttemptSettled | DispatchEnded>();
  for (const record of attempts) {
    if (record.type !== 'AttemptSettled' && record.type !== 'DispatchEnded') continue;
    if (!first.has(record.attemptId)) first.set(record.attemptId, record);
  }
  const ends = new Map<string, (AttemptSettled | DispatchEnded)[]>();
  for (const { headers } of dispatches)
    ends.set(`${headerText(headers, 'pr-dispatch')}.${headerText(headers, 'pr-round')}`, []);
  for (const record of first.values())
    if (record.disposition.kind !== 'retry') ends.get(`${record.dispatch}.${record.round}`)?.push(record);
  const broken: string[] = [];
  for (const [round, [end, ...more]] of ends) {
    if (end === undefined || more.length > 0)
      broken.push(`promise 1: ${round} has ${end === undefined ? 0 : more.length + 1} terminal states`);
    const isDead = end?.disposition.kind === 'dead';
    if (isDead !== letters.has(round))
      broken.push(
        `promise 1: ${round} is ${isDead ? '' : 'not '}dead, and ${isDead ? 'not ' : ''}in the dead letter queue`,
      );
  }
  for (const correlation of new Set(dispatches.map(({ headers }) => headerText(headers, 'pr-correlation')))) {
    if (correlation === undefined) continue;
    const answers = new Set(replies.get(correlation));
    if (answers.size !== 1) broken.push(`promise 1: call ${correlation} has ${answers.size} answers`);
  }
  if (repeats > allowance) broken.push(`promise 3: ${repeats} repeated requests, ${allowance} allowed`);
  return broken;
}
