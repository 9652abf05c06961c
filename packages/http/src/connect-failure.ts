// Why no connection came about: the stage decides what the failure means, so it is kept with the error.

export type ConnectStage = 'dns' | 'vet' | 'connect' | 'tls';

export class ConnectFailure extends Error {
  readonly stage: ConnectStage;
  /** System, OpenSSL or Node code; for `vet` the guard's reason. */
  readonly code: string;

  constructor(stage: ConnectStage, code: string) {
    super(`${stage}: ${code}`);
    this.name = 'ConnectFailure';
    this.stage = stage;
    this.code = code;
  }
}

/** The code of whatever a socket or resolver threw; of several tried addresses, that of the first. */
export function codeOf(error: unknown): string {
  const { code, errors, name } = error as { code?: unknown; errors?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  if (Array.isArray(errors) && errors.length > 0) return codeOf(errors[0]);
  return typeof name === 'string' ? name : 'unknown';
}
