// What the records of `attempts` say of an endpoint's circuit breaker: the same fold for its owner, its next owner and the
// command line.

import {
  breakerAfter,
  breakerAfterDeferral,
  breakerEffect,
  breakerPolicyOf,
  type Breaker,
  type Endpoint,
} from '../domain/index.ts';
import type { AttemptsRecord } from './audit-record.ts';

/** Takes one record of the endpoint, in log order; records that say nothing of it change nothing. */
export function breakerAfterRecord(
  before: Breaker | undefined,
  record: AttemptsRecord,
  endpoint: Pick<Endpoint, 'version' | 'updatedAt' | 'breaker'>,
): Breaker | undefined {
  const policy = breakerPolicyOf(endpoint.breaker);
  if (record.type === 'AttemptSettled') {
    const startedAtMs = Date.parse(record.startedAt);
    const effect = breakerEffect({ kind: record.outcome, httpStatus: record.httpStatus });
    const endedAtMs = Math.round(startedAtMs + record.durationMs);
    return breakerAfter(before, { endpointVersion: record.endpointVersion, effect, startedAtMs, endedAtMs }, policy);
  }
  if (record.type !== 'DispatchDeferred' || record.reason !== 'breaker-open') return before;
  // Deferrals do not name the version: one from before the last change speaks of an earlier one.
  const atMs = Date.parse(record.at);
  if (atMs < Date.parse(endpoint.updatedAt)) return before;
  return breakerAfterDeferral(
    before,
    { endpointVersion: endpoint.version, atMs, dueMs: Date.parse(record.due) },
    policy,
  );
}
