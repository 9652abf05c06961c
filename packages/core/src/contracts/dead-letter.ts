// Headers of a dead letter: those of the dispatch, the reason, and KIP-1191's six. Headers are replaced, never appended, so
// that a letter stays bounded however often it is replayed.

import type { DeadReason } from '../domain/index.ts';
import type { RecordHeaders } from './dispatch-record.ts';

export interface DeadLetterCause {
  readonly reason: DeadReason;
  /** Where the record was consumed that ended here. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly group: string;
  /** HTTP attempts made in this round. */
  readonly attempts: number;
  /** One line for a person. */
  readonly message: string;
}

const messageCharsMax = 500;

/** Dead-letter headers on top of the record's own. */
export function deadLetterHeaders(own: RecordHeaders, cause: DeadLetterCause): RecordHeaders {
  const { 'pr-wake': _wake, 'pr-delay': _delay, ...kept } = own;
  return {
    ...kept,
    'pr-reason': cause.reason,
    '__dlq.errors.topic': cause.topic,
    '__dlq.errors.partition': String(cause.partition),
    '__dlq.errors.offset': String(cause.offset),
    '__dlq.errors.group': cause.group,
    '__dlq.errors.delivery.count': String(cause.attempts),
    '__dlq.errors.message': cause.message.slice(0, messageCharsMax).toWellFormed(),
  };
}
