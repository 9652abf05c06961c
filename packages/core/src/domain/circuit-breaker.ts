// The circuit breaker of one endpoint version: whether it is worth while to send to it now.
//
//                 failures in a row, or most of a window
//   closed ─────────────────────────────────────────────▶ open ──(probeAt)──▶ half-open
//     ▲                                                     ▲                     │ a probe failed: open for twice as long
//     │                                                     └─────────────────────┤
//     └──────────────── a probe was answered ─────────────────────────────────────┘
//
// A fold over what attempts came to, in the order in which they ended, and over nothing else: the owner of the endpoint, its
// next owner and the command line come to the same state from the same records. A probe is known by its beginning: an attempt
// that started at or after `probeAtMs`. Those that were under way when it opened say nothing new. `undefined` is closed
// without a stain, so that healthy endpoints cost no memory. See docs/decisions/0017.

import type { BreakerEffect } from './outcome.ts';

export interface BreakerPolicy {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Share of failures in a window of at least `breakerSamplesMin` outcomes that opens it, in (0, 1]. */
  readonly failureShare: number;
  /** Open for this long the first time, twice as long each time that follows, up to `openMsMax`. */
  readonly openMs: number;
  readonly openMsMax: number;
  /** Requests under way at once while it is half-open. */
  readonly probes: number;
}

/** Off, or the thresholds that differ from the defaults. */
export type BreakerSetting =
  | { readonly kind: 'off' }
  | ({ readonly kind: 'on' } & { readonly [K in keyof BreakerPolicy]?: BreakerPolicy[K] | undefined });

/** Ten in a row is no bad luck; a minute is what somebody who mended an endpoint is ready to wait. */
export const breakerDefaults: BreakerPolicy = {
  failures: 10,
  failureShare: 0.75,
  openMs: 5_000,
  openMsMax: 60_000,
  probes: 1,
};

export const breakerWindowMs = 30_000;
export const breakerSamplesMin = 20;
/** Failures further apart than this are no run: an event an hour that fails must keep the delays of its policy. */
export const breakerRunGapMs = 5 * 60_000;

interface Facts {
  readonly endpointVersion: number;
  /** In this state since, epoch ms. */
  readonly sinceMs: number;
  /** Times that it opened since it last stayed closed for `openMsMax`. */
  readonly openings: number;
}

export interface ClosedBreaker extends Facts {
  readonly kind: 'closed';
  /** Failures in a row. */
  readonly run: number;
  readonly lastFailureMs: number;
  readonly windowFromMs: number;
  readonly outcomes: number;
  readonly failures: number;
}

export interface OpenBreaker extends Facts {
  readonly kind: 'open';
  /** Half-open from here on, epoch ms. */
  readonly probeAtMs: number;
}

export type Breaker = ClosedBreaker | OpenBreaker;

/** What a finished attempt says. */
export interface BreakerEvidence {
  readonly endpointVersion: number;
  readonly effect: BreakerEffect;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** The policy of an endpoint; undefined when its breaker is off. */
export function breakerPolicyOf(setting: BreakerSetting | undefined): BreakerPolicy | undefined {
  if (setting?.kind === 'off') return undefined;
  if (setting === undefined) return breakerDefaults;
  const { kind: _kind, ...given } = setting;
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...breakerDefaults, ...set };
}

/** Takes one finished attempt. Pure: equal inputs, equal states. */
export function breakerAfter(
  before: Breaker | undefined,
  evidence: BreakerEvidence,
  policy: BreakerPolicy | undefined,
): Breaker | undefined {
  if (policy === undefined) return undefined;
  const { endpointVersion, effect, startedAtMs, endedAtMs } = evidence;
  if (before && before.endpointVersion > endpointVersion) return before;
  const known = before?.endpointVersion === endpointVersion ? before : undefined;
  if (effect === 'ignores') return known;
  if (known?.kind === 'open') {
    if (startedAtMs < known.probeAtMs) return known;
    if (effect === 'counts') return openAgain(known, endedAtMs, policy);
    return { ...clean(endpointVersion, endedAtMs), openings: known.openings };
  }
  return effect === 'counts'
    ? countFailure(known ?? clean(endpointVersion, Number.NEGATIVE_INFINITY), endedAtMs, policy)
    : countAnswer(known, endedAtMs, policy);
}

/**
 * Takes a dispatch that was put off because the breaker was open: proof of it where the failures that opened it were not read,
 * since reading back is bounded.
 */
export function breakerAfterDeferral(
  before: Breaker | undefined,
  { endpointVersion, atMs, dueMs }: { readonly endpointVersion: number; readonly atMs: number; readonly dueMs: number },
  policy: BreakerPolicy | undefined,
): Breaker | undefined {
  if (policy === undefined || before?.kind === 'open') return before;
  const probeAtMs = Math.min(dueMs, atMs + policy.openMsMax);
  return { kind: 'open', endpointVersion, sinceMs: atMs, openings: (before?.openings ?? 0) + 1, probeAtMs };
}

/** The state as people know it. */
export function breakerState(breaker: Breaker | undefined, nowMs: number): 'closed' | 'open' | 'half-open' {
  if (breaker?.kind !== 'open') return 'closed';
  return nowMs >= breaker.probeAtMs ? 'half-open' : 'open';
}

/** How long the n-th opening lasts, ms. */
export function openForMs({ openMs, openMsMax }: BreakerPolicy, openings: number): number {
  return Math.min(openMsMax, openMs * 2 ** Math.min(Math.max(0, openings - 1), 30));
}

function clean(endpointVersion: number, sinceMs: number): ClosedBreaker {
  return {
    kind: 'closed',
    endpointVersion,
    sinceMs,
    openings: 0,
    run: 0,
    lastFailureMs: Number.NEGATIVE_INFINITY,
    windowFromMs: sinceMs,
    outcomes: 0,
    failures: 0,
  };
}

function openAgain(open: OpenBreaker, endedAtMs: number, policy: BreakerPolicy): OpenBreaker {
  const openings = open.openings + 1;
  return { ...open, openings, probeAtMs: endedAtMs + openForMs(policy, openings) };
}

function countFailure(closed: ClosedBreaker, atMs: number, policy: BreakerPolicy): Breaker {
  const fresh = atMs - closed.windowFromMs > breakerWindowMs;
  const counted: ClosedBreaker = {
    ...closed,
    run: atMs - closed.lastFailureMs > breakerRunGapMs ? 1 : closed.run + 1,
    lastFailureMs: atMs,
    windowFromMs: fresh ? atMs : closed.windowFromMs,
    outcomes: fresh ? 1 : closed.outcomes + 1,
    failures: fresh ? 1 : closed.failures + 1,
  };
  const mostly = counted.outcomes >= breakerSamplesMin && counted.failures >= counted.outcomes * policy.failureShare;
  if (counted.run < policy.failures && !mostly) return counted;
  const openings = (stayedClosed(closed, atMs, policy) ? 0 : closed.openings) + 1;
  const { endpointVersion } = closed;
  return { kind: 'open', endpointVersion, sinceMs: atMs, openings, probeAtMs: atMs + openForMs(policy, openings) };
}

function countAnswer(
  closed: ClosedBreaker | undefined,
  atMs: number,
  policy: BreakerPolicy,
): ClosedBreaker | undefined {
  if (closed === undefined) return undefined;
  const windowIsOver = atMs - closed.windowFromMs > breakerWindowMs || closed.failures === 0;
  if (windowIsOver && stayedClosed(closed, atMs, policy)) return undefined;
  return { ...closed, run: 0, outcomes: closed.outcomes + 1 };
}

function stayedClosed({ sinceMs, openings }: ClosedBreaker, atMs: number, { openMsMax }: BreakerPolicy): boolean {
  return openings === 0 || atMs - sinceMs >= openMsMax;
}
