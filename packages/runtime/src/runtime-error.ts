// The one class this package throws: for bugs and for what a process cannot go on without. What a caller must expect
// (a bad configuration value, a secret that is not there) is returned as a value instead.

export type RuntimeErrorCode =
  /** A row table contradicts itself: found at import, mended in the source. */
  | 'config-definition'
  /** The health server could not listen. */
  | 'health-listen'
  /** A service refused to start. */
  | 'start-failed'
  /** A stop was asked for before everything had started. */
  | 'stopped-early';

export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RuntimeError';
    this.code = code;
  }
}
