// A failure that the reader can mend: its message says how. Anything else thrown is a bug and keeps its stack.

/** @param {unknown} error */
export function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** The system's code of a failed call, such as ENOENT. @param {unknown} error */
export function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

export class LaunchError extends Error {
  /** @param {string} message what failed and what to do, for a terminal */
  constructor(message) {
    super(message);
    this.name = 'LaunchError';
  }
}
