// Promise 1, the other half: what follows from a settlement follows from the one that the reader rule selects. A retry of a
// loser is a fork, a dead letter of a living dispatch is a lie, and a death without a letter is a loss.

import { placeOf, type WorkRecord } from './decode.ts';
import type { Facts, Logged } from './facts.ts';
import type { Findings } from './finding.ts';
import { roundKey, type Round } from './reader-rule.ts';

export function checkConsequences(facts: Facts, findings: Findings): void {
  for (const work of facts.tiers) checkOrigin(facts, findings, work, 'forked-retry');
  for (const work of facts.dispatches) checkOrigin(facts, findings, work, 'forked-dispatch');
  for (const round of facts.log.rounds.values()) {
    checkChain(findings, round);
    checkEnd(facts, findings, round);
  }
  checkDeadLetters(facts, findings);
}

/** A record for attempt n + 1 needs a settlement of attempt n, selected by the reader rule, that asked for just this retry. */
function checkOrigin({ log }: Facts, findings: Findings, { record, entry }: Logged<WorkRecord>, rule: string): void {
  if (entry.attempt === 1) return;
  findings.count(1);
  const before = log.rounds.get(roundKey(entry))?.attempts.get(entry.attempt - 1);
  const asked = before?.settled.disposition;
  const what = `${entry.dispatch}.${entry.round}.${entry.attempt} at ${placeOf(record)}`;
  if (asked?.kind !== 'retry' || asked.attempt !== entry.attempt)
    findings.violate(1, rule, `${what}: nobody asked for it`);
  else if (entry.delayMs !== undefined && entry.hop === 0 && entry.park === 0 && entry.dueMs !== asked.dueMs)
    findings.violate(1, rule, `${what} is due at ${entry.dueMs}, the settlement that stands says ${asked.dueMs}`);
}

function checkChain(findings: Findings, { attempts, closing, dispatch, round }: Round): void {
  for (const [number, { record, late }] of attempts) {
    if (number === 1) continue;
    const before = attempts.get(number - 1);
    const follows =
      before?.settled.disposition.kind === 'retry' &&
      before.record.partition === record.partition &&
      before.record.offset < record.offset;
    if (!follows && !late) findings.violate(1, 'attempt-from-nowhere', `${dispatch}.${round}.${number}`);
  }
  if (closing?.entry.type !== 'DispatchEnded' || closing.entry.attempt === 1) return;
  if (attempts.get(closing.entry.attempt - 1)?.settled.disposition.kind !== 'retry')
    findings.violate(1, 'end-from-nowhere', `${dispatch}.${round} at attempt ${closing.entry.attempt}`);
}

/** The reason must be one that this run could give. */
function checkEnd({ declared, log }: Facts, findings: Findings, { closing, endpoint, dispatch, round }: Round): void {
  if (closing === undefined) return;
  const { disposition, entry } = closing;
  const declaredAs = declared.endpoints.find(({ id }) => id === endpoint);
  const settled = entry.type === 'AttemptSettled' ? entry : undefined;
  const wrong = (why: string): void =>
    findings.violate(1, 'wrong-end', `${dispatch}.${round} for ${endpoint} is ${disposition.kind}: ${why}`);
  if (settled && (settled.status === 'SUCCESS') !== (disposition.kind === 'delivered'))
    wrong(`the attempt's status was ${settled.status}`);
  if (disposition.kind === 'delivered') {
    if (!settled) wrong('without an attempt');
    return;
  }
  const tries = (declaredAs?.delaysMs.length ?? 0) + 1;
  const answeredGone = (): boolean =>
    [...log.rounds.values()].some((one) => one.endpoint === endpoint && one.closing && hasGone(one));
  switch (disposition.reason) {
    case 'retries-exhausted':
      if (settled?.attempt !== tries) wrong(`after attempt ${entry.attempt} of ${tries}`);
      return;
    case 'gone':
      if (settled?.httpStatus !== 410) wrong(`HTTP ${settled?.httpStatus ?? '-'} is not 410`);
      return;
    case 'endpoint-disabled':
      if (declaredAs?.gone !== 'disable' && !answeredGone()) wrong('nobody disabled it');
      return;
    case 'endpoint-deleted':
      if (declaredAs?.gone !== 'delete') wrong('nobody deleted it');
      return;
    default:
      wrong(`nothing in this run ends as ${disposition.reason}`);
  }
}

const hasGone = ({ closing }: Round): boolean =>
  closing?.disposition.kind === 'dead' && closing.disposition.reason === 'gone';

/** Dead ⇔ in the dead letter queue, with the same reason. */
function checkDeadLetters({ deadLetters, log }: Facts, findings: Findings): void {
  const letters = new Set<string>();
  for (const { record, entry } of deadLetters) {
    findings.count(1);
    letters.add(roundKey(entry));
    const end = log.rounds.get(roundKey(entry))?.closing?.disposition;
    if (end?.kind !== 'dead' || end.reason !== entry.reason) {
      const stands =
        end === undefined ? 'open' : end.kind === 'delivered' ? 'delivered' : `${end.kind} (${end.reason})`;
      const about = `${roundKey(entry)} (${entry.reason}) at ${placeOf(record)} is ${stands}`;
      findings.violate(1, 'letter-of-the-living', about);
    }
  }
  for (const [key, { closing }] of log.rounds) {
    if (closing?.disposition.kind === 'dead' && !letters.has(key))
      findings.violate(1, 'dead-without-letter', `${key} (${closing.disposition.reason})`);
  }
}
