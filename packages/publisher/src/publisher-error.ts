// The one error class of this package; callers branch on `code`.

/**
 * - `invalid-event`: Postrider would reject it; nothing was sent.
 * - `unknown-topic`: the topic does not exist; brokers never create it by themselves.
 * - `reply-timeout`: no answer came in the time the caller gave; whether the call was made is not known.
 */
export type PublisherErrorCode = 'invalid-event' | 'unknown-topic' | 'reply-timeout';

export class PublisherError extends Error {
  override readonly name = 'PublisherError';
  readonly code: PublisherErrorCode;

  constructor(code: PublisherErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
