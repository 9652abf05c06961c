// Promise 2: the body bytes are those that were published, on every attempt, in every record and in every digest.

import { placeOf } from './decode.ts';
import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';

export function checkBodies(facts: Facts, findings: Findings): void {
  const wanted = publishedBodies(facts);
  const compare = (dispatch: string, found: string | undefined, where: () => string): void => {
    findings.count(2);
    const body = wanted.get(dispatch);
    if (body === undefined) findings.violate(2, 'body-of-nobody', `${dispatch} in ${where()}`);
    else if (body !== found)
      findings.violate(2, 'other-body', `${dispatch} in ${where()}: ${found}, published ${body}`);
  };
  for (const { entry, record } of facts.traces.values()) {
    for (const { dispatch, bodyDigest } of entry.dispatches ?? [])
      compare(dispatch, bodyDigest, () => `the trace at ${placeOf(record)}`);
  }
  for (const request of facts.journal) {
    if (request.bodySha256 === undefined) continue;
    compare(request.id, request.bodySha256, () => `request ${request.seq} of the receiver`);
  }
  for (const works of [facts.dispatches, facts.tiers, facts.deadLetters]) {
    for (const { entry, record } of works) compare(entry.dispatch, entry.bodySha256, () => placeOf(record));
  }
  for (const { attempts } of facts.log.rounds.values()) {
    for (const { settled, record } of attempts.values())
      compare(settled.dispatch, settled.bodyDigest, () => `the settlement at ${placeOf(record)}`);
  }
}

/** By dispatch id, from what the publisher says it sent. */
function publishedBodies({ published, traces, declared }: Facts): Map<string, string> {
  const bodies = new Map<string, string>();
  for (const event of published) {
    const trace = traces.get(`${declared.environment}.events/${event.partition}/${event.offset}`);
    for (const { dispatch } of trace?.entry.dispatches ?? []) bodies.set(dispatch, event.bodySha256);
  }
  return bodies;
}
