/** What an error says about a batch: resend it (any doubt), or some record in it can never be appended. */
import { readFailure } from './driver-error.ts';
import type { KafkaErrorCode } from './kafka-error.ts';

export type AppendVerdict = { kind: 'doubt'; reason: string } | { kind: 'never'; code: KafkaErrorCode; reason: string };

/** The broker's errors that no later try of the same record can change. Everything that is not listed is doubt. */
const NEVER: Readonly<Record<string, KafkaErrorCode>> = {
  MESSAGE_TOO_LARGE: 'record-too-large',
  RECORD_LIST_TOO_LARGE: 'record-too-large',
  INVALID_RECORD: 'record-rejected',
  INVALID_TIMESTAMP: 'record-rejected',
  POLICY_VIOLATION: 'record-rejected',
  UNSUPPORTED_COMPRESSION_TYPE: 'record-rejected',
  INVALID_TOPIC_EXCEPTION: 'unknown-topic',
  TOPIC_AUTHORIZATION_FAILED: 'not-authorized',
  CLUSTER_AUTHORIZATION_FAILED: 'not-authorized',
};

/** Tries after which an error of encoding (a TypeError inside the driver) is blamed on a record and no longer on a connection. */
const ENCODING_TRIES = 3;

/** `attempt` is 1-based: how often this batch has been sent. */
export function judgeAppendError(error: unknown, attempt: number): AppendVerdict {
  const { brokerError, message } = readFailure(error);
  if (brokerError !== null) {
    const code = NEVER[brokerError];
    return code === undefined ? { kind: 'doubt', reason: brokerError } : { kind: 'never', code, reason: brokerError };
  }
  if ((error instanceof TypeError || error instanceof RangeError) && attempt >= ENCODING_TRIES) {
    return { kind: 'never', code: 'record-rejected', reason: `cannot be encoded: ${message}` };
  }
  return { kind: 'doubt', reason: message };
}
