// The log: one JSON object a line on stderr (stdout belongs to data), or one plain line for a person. Others see only the
// narrow Logger, so that pino is known here alone.

import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { errorDepthMax } from './limits.ts';
import { openLogSink, type LogSink } from './log-sink.ts';
import { prettyLine } from './pretty-line.ts';
import { redactFields, redactText } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What happened, in named values. An error stands under `error`. Names of secrets are hidden. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** For what ends the process. */
  fatal(fields: LogFields, message: string): void;
  /** The same log with more fields on every line, e.g. `{ service: 'dispatch' }`. */
  child(fields: LogFields): Logger;
  /** For a line whose fields are costly to make. */
  isLevelEnabled(level: LogLevel): boolean;
  /** Resolves when all lines up to now are written. At an exit without it they still are, in whatever order. Never rejects. */
  flush(): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  /** On every line. */
  readonly base?: LogFields;
  /** Takes the lines instead of stderr, each with its newline. */
  readonly write?: (line: string) => void;
}

export function createLogger(options: LoggerOptions): Logger {
  const stderr = options.write ? undefined : stderrSink();
  const sink: DestinationStream = stderr ?? { write: options.write ?? (() => {}) };
  const destination: DestinationStream =
    options.format === 'pretty' ? { write: (line) => sink.write(prettyLine(line)) } : sink;
  const root = pino(
    {
      level: options.level,
      base: options.base ? redactFields(options.base) : null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }), log: redactFields },
      serializers: { error: (error: unknown) => describeError(error) },
    },
    destination,
  );
  return narrow(root, () => stderr?.flush() ?? Promise.resolve());
}

let ofStderr: LogSink | undefined;

/** One for the process: two would write into each other's lines. */
function stderrSink(): LogSink {
  // Node makes a pipe non-blocking when it opens its own stream upon it, which is at the first use.
  void process.stderr;
  return (ofStderr ??= openLogSink(2));
}

function narrow(log: PinoLogger, flush: () => Promise<void>): Logger {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    fatal: (fields, message) => log.fatal(fields, message),
    child: (fields) => narrow(log.child(redactFields(fields)), flush),
    isLevelEnabled: (level) => log.isLevelEnabled(level),
    flush,
  };
}

/** An error with its causes, credentials in texts cut out. A chain that is too long, or bites its tail, is cut. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? redactText(error) : error;
  const code: unknown = (error as NodeJS.ErrnoException).code;
  const deeper = depth < errorDepthMax;
  return {
    type: error.name,
    message: redactText(error.message),
    ...(code === undefined ? {} : { code }),
    stack: redactText(error.stack ?? ''),
    ...(deeper && error.cause !== undefined ? { cause: describeError(error.cause, depth + 1) } : {}),
    // A connect that tried several addresses tells only here why.
    ...(deeper && error instanceof AggregateError
      ? { errors: error.errors.map((each: unknown) => describeError(each, depth + 1)) }
      : {}),
  };
}
