// The last lines of a server's log, for the message that says it did not start.

import { readFileSync } from 'node:fs';

import { LOG_TAIL_LINES } from './limits.ts';

/** The end of a log file, indented; a placeholder when there is nothing to read. */
export function logTail(file: string): string {
  try {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    return lines
      .slice(-LOG_TAIL_LINES)
      .map((line) => `    ${line}`)
      .join('\n');
  } catch {
    return '    (no log)';
  }
}
