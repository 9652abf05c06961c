/** Reads kafkajs errors, which differ by class, by `name`, by `type` and by nesting, into the few questions that this package asks. */
import { connectAdvice, plainTlsText } from './connect-advice.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaErrorCode } from './kafka-error.ts';

interface DriverShape {
  name?: unknown;
  type?: unknown;
  code?: unknown;
  message?: unknown;
  host?: unknown;
  port?: unknown;
  cause?: unknown;
}

/** What a driver error says: the broker's error name (or null), and where the connection was, when one was lost. */
export interface DriverFailure {
  brokerError: string | null;
  connectionLost: boolean;
  host: string | null;
  port: number | null;
  message: string;
}

/** Follows `cause` to the error that carries the broker's error name; kafkajs wraps it up to three times. */
export function readFailure(error: unknown): DriverFailure {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
    if (current instanceof KafkaError && current.brokerError !== undefined)
      return failure(current, current.brokerError, false);
    const shape = current as DriverShape;
    const name = typeof shape.name === 'string' ? shape.name : '';
    if (typeof shape.type === 'string') return failure(shape, shape.type, false);
    if (CONNECTION_ERRORS.has(name)) return failure(shape, null, true);
    if (shape.cause === undefined || shape.cause === null) break;
    current = shape.cause;
  }
  return failure(error ?? {}, null, false);
}

const CONNECTION_ERRORS = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
]);

function failure(shape: DriverShape, brokerError: string | null, connectionLost: boolean): DriverFailure {
  return {
    brokerError,
    connectionLost,
    host: typeof shape.host === 'string' ? shape.host : null,
    port: typeof shape.port === 'number' ? shape.port : null,
    message: typeof shape.message === 'string' ? shape.message : 'an error without a message',
  };
}

/** Errors after which another leader, coordinator or a later moment gives the answer. */
const STALE_METADATA = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
]);

export function isStaleMetadata(brokerError: string | null): boolean {
  return brokerError !== null && STALE_METADATA.has(brokerError);
}

/** The broker's ways of saying that this generation does not count any more. */
const GENERATION_OVER = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);

/** Errors of a commit that no later try changes. */
const COMMIT_REFUSED = new Set([
  'OFFSET_METADATA_TOO_LARGE',
  'INVALID_COMMIT_OFFSET_SIZE',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
]);

export function isGenerationOver(brokerError: string | null): boolean {
  return brokerError !== null && GENERATION_OVER.has(brokerError);
}

export function isCommitRefused(brokerError: string | null): boolean {
  return brokerError !== null && COMMIT_REFUSED.has(brokerError);
}

const AUTHORIZATION = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
]);

const SASL = new Set(['ILLEGAL_SASL_STATE', 'UNSUPPORTED_SASL_MECHANISM', 'SASL_AUTHENTICATION_FAILED']);

/** Wraps any error in this package's class, with what mends it where that is known; a KafkaError passes unchanged. */
export function toKafkaError(error: unknown, doing: string): KafkaError {
  if (error instanceof KafkaError) return error;
  const { brokerError, connectionLost, message } = readFailure(error);
  let code: KafkaErrorCode = connectionLost ? 'unavailable' : 'protocol';
  if (brokerError !== null && AUTHORIZATION.has(brokerError)) code = 'not-authorized';
  else if (brokerError === 'UNKNOWN_TOPIC_OR_PARTITION') code = 'unknown-topic';
  const advice = connectionLost || brokerError === null || SASL.has(brokerError) ? connectAdvice(message) : null;
  if (advice !== null) code = advice.code;
  const mend = advice === null ? '' : ` (${advice.advice})`;
  return new KafkaError(code, `${doing}: ${plainTlsText(message)}${mend}`, {
    cause: error,
    brokerError: brokerError ?? undefined,
  });
}
