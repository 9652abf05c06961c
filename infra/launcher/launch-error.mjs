// A failure that the reader can mend: its message says how. Anything else thrown is a bug and keeps its stack.

export class LaunchError extends Error {
  /** @param {string} message what failed and what to do, for a terminal */
  constructor(message, options) {
    super(message, options);
    this.name = 'LaunchError';
  }
}
