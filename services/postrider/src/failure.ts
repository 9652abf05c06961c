// How a command ends. Expected failures are one line for a person and one exit code for a script; a stack trace is printed
// only for what is our own fault.

import { KafkaError } from '@postrider/kafka';
import { PostgresError } from '@postrider/postgres';

/** What a script may branch on. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  partial: 5,
  timeout: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const exitCodeOf = {
  /** The command line is not one of ours. */
  usage: exitCodes.usage,
  /** Settings are missing or wrong. */
  config: exitCodes.usage,
  /** A file given to the command is not what it should be; nothing was done. */
  'invalid-input': exitCodes.failure,
  'not-found': exitCodes.notFound,
  /** Asked for something that would do harm. */
  refused: exitCodes.refused,
  timeout: exitCodes.timeout,
  interrupted: exitCodes.interrupted,
  /** A check found something. */
  drift: exitCodes.failure,
  'kafka-unreachable': exitCodes.failure,
  'kafka-failed': exitCodes.failure,
  'postgres-unreachable': exitCodes.failure,
  'postgres-failed': exitCodes.failure,
} as const;

export type CliErrorCode = keyof typeof exitCodeOf;

/** An expected end of a command; the message says what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  /** What `--json` adds to the message, e.g. each problem of a file. */
  readonly details: readonly unknown[];

  constructor(code: CliErrorCode, message: string, options: { cause?: unknown; details?: readonly unknown[] } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
  }

  get exitCode(): ExitCode {
    return exitCodeOf[this.code];
  }
}

/** Where things were looked for, for messages; never with a password. */
export interface Whereabouts {
  readonly brokers: readonly string[];
  readonly postgres: string | undefined;
}

/** The expected failure that an adapter's error is, or undefined when it is a fault of ours. */
export function asCliError(error: unknown, where: Whereabouts): CliError | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof KafkaError) return kafkaFailure(error, where);
  if (error instanceof PostgresError) return postgresFailure(error, where);
  return undefined;
}

function kafkaFailure(error: KafkaError, { brokers }: Whereabouts): CliError | undefined {
  const because = (code: CliErrorCode, message: string): CliError => new CliError(code, message, { cause: error });
  switch (error.code) {
    case 'unavailable':
    case 'timeout':
      return because(
        'kafka-unreachable',
        `cannot reach Kafka at ${brokers.join(', ')}: start it, or set POSTRIDER_KAFKA_BROKERS (${error.message})`,
      );
    case 'not-authenticated':
    case 'tls-refused':
      return because('kafka-unreachable', `Kafka at ${brokers.join(', ')} does not let us in: ${error.message}`);
    case 'unknown-topic':
    case 'unknown-partition':
      return because('not-found', `a topic is missing, create it with \`postrider topics apply\` (${error.message})`);
    case 'not-authorized':
      return because('refused', `Kafka refuses this user: ${error.message}`);
    case 'record-too-large':
    case 'record-rejected':
    case 'protocol':
    case 'undecodable':
      return because('kafka-failed', error.message);
    case 'closed':
    case 'generation-over':
    case 'misuse':
      return undefined;
  }
}

/** No migration makes a database. */
const databaseMissing = '3D000';

function postgresFailure(error: PostgresError, { postgres }: Whereabouts): CliError | undefined {
  const at = postgres ?? 'the configured address';
  const because = (code: CliErrorCode, message: string): CliError => new CliError(code, message, { cause: error });
  switch (error.code) {
    case 'unreachable':
      return because(
        'postgres-unreachable',
        `cannot reach PostgreSQL at ${at}: start it, or set POSTRIDER_POSTGRES_URL (${error.message})`,
      );
    case 'not-migrated':
      if (error.sqlState === databaseMissing)
        return because('postgres-failed', `${error.message} at ${at}: create it, then \`postrider db migrate\``);
      return because(
        'postgres-failed',
        `the audit tables are not there: create them with \`postrider db migrate\` (${error.message})`,
      );
    case 'denied':
      return because('refused', `PostgreSQL at ${at} refuses this user: ${error.message}`);
    case 'refused':
      return because('refused', error.message);
    case 'migration':
    case 'conflict':
      return because('postgres-failed', error.message);
    case 'data':
    case 'bug':
      return undefined;
  }
}
