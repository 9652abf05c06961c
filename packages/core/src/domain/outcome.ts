// What an attempt can come to (closed), and the one table that says what follows from each kind.

/** What the wire gave, before anyone judged it: either a status line arrived, or a named failure. */
export type Exchange =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      readonly bodyCut: boolean;
    }
  | { readonly kind: 'failure'; readonly failure: FailureKind; readonly detail: string };

export type FailureKind =
  | 'timeout'
  | 'connect'
  | 'reset'
  | 'dns'
  | 'tls'
  | 'blocked-address'
  | 'response-too-large'
  | 'invalid-configuration'
  | 'cancelled';

/** `invalid-reply` and `server-auth`: a status line came, but not the answer that a call needs. */
export type OutcomeKind = 'success' | 'http-status' | 'invalid-reply' | 'server-auth' | FailureKind;

/** An outcome and its detail for a person; a detail begins with the stage that failed, which is often the outcome's own name. */
export function outcomeText(outcome: string, detail: string | null | undefined): string {
  if (!detail) return outcome;
  return detail.startsWith(`${outcome}: `) ? detail : `${outcome}: ${detail}`;
}

export type AttemptStatus = 'SUCCESS' | 'FAIL' | 'ERROR';

interface OutcomeRule {
  /** SUCCESS = a success status; FAIL = any other status line; ERROR = no status line. */
  readonly status: AttemptStatus;
  readonly next: 'deliver' | 'retry' | 'retry-three-times' | 'end' | 'not-counted';
  /** What it says about the endpoint's health. */
  readonly breaker: BreakerEffect | 'by-status';
}

export const outcomeRules: Readonly<Record<OutcomeKind, OutcomeRule>> = {
  success: { status: 'SUCCESS', next: 'deliver', breaker: 'closes' },
  'http-status': { status: 'FAIL', next: 'retry', breaker: 'by-status' },
  timeout: { status: 'ERROR', next: 'retry', breaker: 'counts' },
  connect: { status: 'ERROR', next: 'retry', breaker: 'counts' },
  reset: { status: 'ERROR', next: 'retry', breaker: 'counts' },
  dns: { status: 'ERROR', next: 'retry', breaker: 'counts' },
  tls: { status: 'ERROR', next: 'retry', breaker: 'counts' },
  'blocked-address': { status: 'ERROR', next: 'retry-three-times', breaker: 'ignores' },
  'response-too-large': { status: 'ERROR', next: 'retry', breaker: 'counts' },
  'invalid-configuration': { status: 'ERROR', next: 'end', breaker: 'ignores' },
  'invalid-reply': { status: 'FAIL', next: 'end', breaker: 'ignores' },
  'server-auth': { status: 'FAIL', next: 'end', breaker: 'ignores' },
  cancelled: { status: 'ERROR', next: 'not-counted', breaker: 'ignores' },
};

/** What an outcome says of its endpoint: it answers, it fails, or nothing at all. */
export type BreakerEffect = 'closes' | 'counts' | 'ignores';

/** By the kind of the outcome; a status that is no success counts when it says that the server cannot serve. */
export function breakerEffect({ kind, httpStatus }: Pick<Outcome, 'kind' | 'httpStatus'>): BreakerEffect {
  const { breaker } = outcomeRules[kind];
  if (breaker !== 'by-status') return breaker;
  if (httpStatus === undefined || httpStatus === 410) return 'ignores';
  return httpStatus >= 500 || httpStatus === 429 ? 'counts' : 'closes';
}

/** An outcome kind with what the audit keeps of it. */
export interface Outcome {
  readonly kind: OutcomeKind;
  readonly httpStatus: number | undefined;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Judges an exchange by the endpoint's success statuses. A cut body does not undo a success status. */
export function judge(exchange: Exchange, successStatus: readonly (readonly [number, number])[]): Outcome {
  if (exchange.kind === 'failure') {
    return { kind: exchange.failure, httpStatus: undefined, detail: exchange.detail, retryAfterMs: undefined };
  }
  const { status } = exchange;
  const success = successStatus.some(([from, to]) => status >= from && status <= to);
  return {
    kind: success ? 'success' : 'http-status',
    httpStatus: status,
    detail: undefined,
    // Only "too many requests" and "service unavailable" may ask for patience (RFC 9110, 10.2.3; RFC 6585, 4).
    retryAfterMs: !success && (status === 429 || status === 503) ? exchange.retryAfterMs : undefined,
  };
}
