// The one error of this package: what failed, as a code, and what the reader can do, as text.

export type StackErrorCode =
  | 'java-missing'
  | 'download-failed'
  | 'checksum-mismatch'
  | 'cache-unusable'
  | 'no-free-port'
  | 'start-failed'
  | 'already-running'
  | 'containers-unavailable'
  | 'platform-unsupported'
  | 'not-ours';

export class StackError extends Error {
  readonly code: StackErrorCode;

  constructor(code: StackErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StackError';
    this.code = code;
  }
}

/** The message of anything thrown, without its stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
