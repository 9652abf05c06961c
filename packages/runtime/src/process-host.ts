// The operating system's side of a process, behind a port: signals, last-resort errors, the exit. Tests hand in their own.

export type StopSignal = 'SIGTERM' | 'SIGINT';
export type FatalKind = 'unhandledRejection' | 'uncaughtException';

export interface ProcessHost {
  /** Returns how to stop listening. */
  onSignal(handler: (signal: StopSignal) => void): () => void;
  /** Returns how to stop listening. */
  onFatal(handler: (kind: FatalKind, error: unknown) => void): () => void;
  /** Ends the process. */
  exit(code: number): void;
  /** One plain line for the person who started it (stderr), beside the log. */
  printError(text: string): void;
}

const signals: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];

/** The real process. */
export const systemHost: ProcessHost = {
  onSignal(handler) {
    for (const signal of signals) process.on(signal, handler);
    return () => {
      for (const signal of signals) process.off(signal, handler);
    };
  },
  onFatal(handler) {
    const onRejection = (error: unknown): void => handler('unhandledRejection', error);
    const onException = (error: unknown): void => handler('uncaughtException', error);
    process.on('unhandledRejection', onRejection);
    process.on('uncaughtException', onException);
    return () => {
      process.off('unhandledRejection', onRejection);
      process.off('uncaughtException', onException);
    };
  },
  exit(code) {
    process.exit(code);
  },
  printError(text) {
    process.stderr.write(`${text}\n`);
  },
};
