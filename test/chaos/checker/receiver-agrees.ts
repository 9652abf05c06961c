// Promise 6, the first half: what the log says of an attempt is what the receiver did. Delivered means that a success answer
// stands in the receiver's journal.

import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';
import type { Pairing } from './requests.ts';

export function checkReceiverAgrees(facts: Facts, { writings }: Pairing, findings: Findings): void {
  for (const { settled, request } of writings) {
    findings.count(6);
    const attempt = `${settled.dispatch}.${settled.round}.${settled.attempt}`;
    if (settled.httpStatus !== undefined && request === undefined)
      findings.violate(
        6,
        'answer-nobody-gave',
        `${attempt}: HTTP ${settled.httpStatus} is not in the receiver's journal`,
      );
    if (settled.outcome === 'success' && settled.httpStatus !== 200)
      findings.violate(6, 'answer-nobody-gave', `${attempt}: success with HTTP ${settled.httpStatus}`);
  }
  for (const { dispatch, round, closing } of facts.log.rounds.values()) {
    if (closing?.disposition.kind !== 'delivered') continue;
    findings.count(6);
    const answered = facts.requests.get(dispatch)?.some(({ status }) => status === 200) ?? false;
    if (!answered) findings.violate(6, 'delivered-to-nobody', `${dispatch}.${round}`);
  }
}
