/** The one error class of this package: what callers may branch on is `code`, never a driver's class or message. */

/**
 * - `record-too-large`, `unknown-topic`, `unknown-partition`, `not-authorized`, `record-rejected`: one record can never be appended.
 * - `not-authenticated`: the broker does not accept the login, or the listener wants another one; retried, it may be mended there.
 * - `tls-refused`: one side does not trust the other, or only one of them speaks TLS; retried as well.
 * - `closed`: the appender, reader or cluster was closed first.
 * - `generation-over`: a commit came after its generation; the owner waits for its next assignment.
 * - `undecodable`: bytes in the log that no codec here can read.
 * - `unavailable`: no broker or coordinator answered; retried by whoever reports it.
 * - `protocol`: a broker answered with an error that no rule here covers.
 * - `timeout`: a bounded wait ended.
 * - `misuse`: a caller's bug.
 */
export type KafkaErrorCode =
  | 'record-too-large'
  | 'unknown-topic'
  | 'unknown-partition'
  | 'not-authorized'
  | 'record-rejected'
  | 'not-authenticated'
  | 'tls-refused'
  | 'closed'
  | 'generation-over'
  | 'undecodable'
  | 'unavailable'
  | 'protocol'
  | 'timeout'
  | 'misuse';

/** Thrown, rejected and reported by everything in this package. `brokerError` is the broker's own error name, when it gave one. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError';
  readonly code: KafkaErrorCode;
  readonly brokerError: string | undefined;

  constructor(
    code: KafkaErrorCode,
    message: string,
    options: { cause?: unknown; brokerError?: string | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.brokerError = options.brokerError;
  }
}
