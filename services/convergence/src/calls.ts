// Request/reply: a call has one receiver and one answer. Convergence answers itself when there is not exactly one.

import type { ReplyRecord, UpstreamEvent } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { profileNamed } from '@postrider/profiles';

export interface Takers {
  /** Who is told. */
  readonly endpoints: readonly Endpoint[];
  /** Why nobody is called though somebody waits for an answer. */
  readonly refusal: 'not-configured' | 'ambiguous' | undefined;
}

/** True for an endpoint whose response is an answer that somebody waits for. */
export function isCalled(endpoint: Endpoint): boolean {
  return profileNamed(endpoint.profile)?.reply !== undefined;
}

/** Of the matching endpoints those that are told: all that only listen, and the one that is called, if it is one. */
export function takersOf(event: Pick<UpstreamEvent, 'correlation'>, matching: readonly Endpoint[]): Takers {
  const called = matching.filter(isCalled);
  if (called.length === 1) return { endpoints: matching, refusal: undefined };
  const endpoints = called.length === 0 ? matching : matching.filter((endpoint) => !isCalled(endpoint));
  if (called.length > 1) return { endpoints, refusal: 'ambiguous' };
  return { endpoints, refusal: event.correlation === undefined ? undefined : 'not-configured' };
}

/** The answer of convergence itself; undefined when nothing says whom to answer. */
export function answerTo(
  event: Pick<UpstreamEvent, 'correlation'>,
  outcome: 'not-configured' | 'ambiguous' | 'invalid',
  reason?: string,
): ReplyRecord | undefined {
  if (event.correlation === undefined) return undefined;
  return { correlationId: event.correlation, outcome, ...(reason === undefined ? {} : { reason }) };
}
