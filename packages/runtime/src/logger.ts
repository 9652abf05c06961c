// The log: one JSON object a line on stderr (stdout belongs to data), or one plain line for a person. Others see only the
// narrow Logger, so that pino is known here alone.

import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { logBufferBytesMax } from './limits.ts';
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
  /** Writes out what is buffered, waiting for it. */
  flush(): void;
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
  const sink = options.write ? { write: options.write, flushSync: () => {} } : openStderr();
  const destination: DestinationStream =
    options.format === 'pretty' ? { write: (line) => void sink.write(prettyLine(line)) } : sink;
  const root = pino(
    {
      level: options.level,
      base: options.base ? redactFields(options.base) : null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }), log: redactFields, bindings: redactFields },
      serializers: { error: describeError },
    },
    destination,
  );
  return narrow(root, () => sink.flushSync());
}

/** Buffers while a write is under way, so that a burst of lines is few writes and the event loop does not wait for a pipe. */
function openStderr(): ReturnType<typeof pino.destination> {
  return pino.destination({ dest: 2, sync: false, maxLength: logBufferBytesMax });
}

function narrow(log: PinoLogger, flush: () => void): Logger {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    fatal: (fields, message) => log.fatal(fields, message),
    child: (fields) => narrow(log.child(fields), flush),
    isLevelEnabled: (level) => log.isLevelEnabled(level),
    flush,
  };
}

/** An error with its cause chain, credentials in texts cut out. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? redactText(error) : error;
  const code: unknown = (error as NodeJS.ErrnoException).code;
  return {
    type: error.name,
    message: redactText(error.message),
    ...(code === undefined ? {} : { code }),
    stack: redactText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
