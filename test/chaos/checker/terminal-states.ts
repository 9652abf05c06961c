// Promise 1: every event that Kafka acknowledged ends in exactly one terminal state for each endpoint that it matches.

import { dispatchIdOf, placeOf } from './decode.ts';
import type { DeclaredEndpoint, PublishedEvent } from './evidence.ts';
import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';

/** That an endpoint is gone reaches everybody within this; events around it may be matched or not. */
const hearsayMs = 15_000;

export function checkTerminalStates(facts: Facts, findings: Findings): void {
  const promised = new Set<string>();
  for (const event of facts.published) {
    const origin = `${facts.declared.environment}.events/${event.partition}/${event.offset}`;
    const trace = facts.traces.get(origin);
    if (!trace) {
      findings.violate(1, 'event-without-trace', `${event.id} at ${origin}`);
      continue;
    }
    const matched = trace.entry.dispatches ?? [];
    checkMatch(facts, findings, { event, matched: matched.map(({ endpoint }) => endpoint), type: trace.entry.type });
    for (const { endpoint, dispatch } of matched) {
      findings.count(1);
      promised.add(dispatch);
      const { environment, source } = facts.declared;
      if (dispatch !== dispatchIdOf({ environment, source, event: event.id, endpoint }))
        findings.violate(1, 'wrong-dispatch-id', `${dispatch} for ${event.id} and ${endpoint}`);
      if (facts.log.rounds.get(`${dispatch}.0`)?.closing === undefined)
        findings.violate(1, 'no-terminal-state', `${dispatch} of ${event.id} for ${endpoint}`);
    }
  }
  for (const { dispatch, endpoint, round } of facts.log.rounds.values()) {
    if (!promised.has(dispatch)) findings.violate(1, 'nobody-published-it', `${dispatch}.${round} for ${endpoint}`);
  }
  for (const { record, entry } of facts.dispatches) {
    if (!promised.has(entry.dispatch))
      findings.violate(1, 'nobody-published-it', `${entry.dispatch} for ${entry.endpoint} at ${placeOf(record)}`);
  }
}

function checkMatch(
  { declared }: Facts,
  findings: Findings,
  found: { readonly event: PublishedEvent; readonly matched: readonly string[]; readonly type: string },
): void {
  const { event, matched, type } = found;
  const expected = declared.endpoints.filter((endpoint) => event.kind === 'for-endpoints' && takes(endpoint, event));
  const wrong = [
    ...expected.filter(({ id, goneMs }) => goneMs === undefined && !matched.includes(id)).map(({ id }) => id),
    ...matched.filter((id) => !expected.some((endpoint) => endpoint.id === id && !goneBefore(endpoint, event))),
  ];
  for (const id of wrong)
    findings.violate(1, 'wrong-match', `${event.id} and ${id}: ${type} with ${matched.join(' ')}`);
  for (const endpoint of expected) {
    if (endpoint.goneMs !== undefined && event.ackedMs < endpoint.goneMs - hearsayMs && !matched.includes(endpoint.id))
      findings.violate(1, 'wrong-match', `${event.id} and ${endpoint.id}, which went long after`);
  }
}

const takes = ({ eventTypes }: DeclaredEndpoint, { type }: PublishedEvent): boolean => eventTypes.includes(type);

/** Long enough before, so that nobody may have matched it any more. */
const goneBefore = ({ goneMs }: DeclaredEndpoint, { sentMs }: PublishedEvent): boolean =>
  goneMs !== undefined && sentMs > goneMs + hearsayMs;
