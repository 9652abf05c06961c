// The one error class of this package: what callers branch on is `code`, never a driver's class or message.

/**
 * - `unreachable`: lost, refused, timed out, shutting down, out of disk or of connections. Try again.
 * - `conflict`: deadlock, serialisation or a lock not granted in time. Try again.
 * - `not-migrated`: the database or a table or column is missing; becomes right when somebody migrates.
 * - `denied`: the login or a right is refused.
 * - `data`: a value that PostgreSQL cannot take.
 * - `migration`: migrations that were applied are not those of this version.
 * - `refused`: one of our own functions says no, and why.
 * - `bug`: anything else; it is ours.
 */
export type PostgresErrorCode =
  | 'unreachable'
  | 'conflict'
  | 'not-migrated'
  | 'denied'
  | 'data'
  | 'migration'
  | 'refused'
  | 'bug';

const retryableCodes: ReadonlySet<PostgresErrorCode> = new Set(['unreachable', 'conflict', 'not-migrated']);

/** Thrown by everything in this package. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly code: PostgresErrorCode;
  /** Five characters, when the server answered. */
  readonly sqlState: string | undefined;

  constructor(
    code: PostgresErrorCode,
    message: string,
    options: { cause?: unknown; sqlState?: string | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.sqlState = options.sqlState;
  }

  /** The same call may succeed later without anybody changing the program. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }
}

/** Exact states first, then classes (PostgreSQL, appendix A). */
const exactStates: Readonly<Record<string, PostgresErrorCode>> = {
  PR003: 'refused',
  '23505': 'bug', // a row that stands already: the offset row and the records disagree; cutting the batch cannot help
  '25006': 'unreachable', // read-only: a standby, during a fail-over
  '25P03': 'unreachable', // our transaction stood still and was ended
  '42501': 'denied',
  '42P01': 'not-migrated',
  '42703': 'not-migrated',
  '42883': 'not-migrated',
  '3D000': 'not-migrated',
  '3F000': 'not-migrated',
  '55000': 'unreachable', // the database takes no connections now
  '55P03': 'conflict',
  '55006': 'conflict',
};

const stateClasses: Readonly<Record<string, PostgresErrorCode>> = {
  '08': 'unreachable',
  '22': 'data',
  '23': 'data',
  '28': 'denied',
  '40': 'conflict',
  '53': 'unreachable',
  '54': 'data',
  '57': 'unreachable',
  '58': 'unreachable',
};

/** What the driver says without a state when the connection, not the statement, is at fault. */
const lostConnection =
  /connection (?:terminated|ended|error|timeout)|connection error|timeout exceeded|read timeout|not queryable|socket/i;

/** Turns whatever the driver threw into the error of this package; one that is already is given back. */
export function asPostgresError(error: unknown): PostgresError {
  if (error instanceof PostgresError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code)) {
    const known = exactStates[code] ?? stateClasses[code.slice(0, 2)] ?? 'bug';
    return new PostgresError(known, message, { cause: error, sqlState: code });
  }
  // A refused dual-stack dial comes as an AggregateError with an empty message.
  if (code !== undefined && /^E[A-Z_]+$/.test(code)) {
    return new PostgresError('unreachable', message === '' ? code : message, { cause: error });
  }
  return new PostgresError(lostConnection.test(message) ? 'unreachable' : 'bug', message, { cause: error });
}
