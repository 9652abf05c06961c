// The reader rule flags what came too late, and changes nothing for it. But nobody may write such a record in a run in which
// nobody could have become a zombie and no append was in doubt.

import type { Interruption } from '../interruption.ts';
import { heartbeatMsMax } from '../limits.ts';
import { decodeAttempts } from './decode.ts';
import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';

export function checkLaterRecords(facts: Facts, findings: Findings): void {
  findings.count(8, facts.topics.attempts.length);
  findings.figures['flagged'] = facts.log.flagged.length;
  const appendsInDoubt = facts.interruptions.some(isDoubt);
  const zombies = facts.interruptions.some(isZombie);
  const kills = facts.interruptions.some(({ kind }) => kind === 'kill');
  for (const { record, why, about, sameBytes } of facts.log.flagged) {
    const { type } = decodeAttempts(record);
    // Each request that was answered 410 says so, and several may have been under way.
    if (type === 'EndpointDisabled') continue;
    // Parking settles nothing: after a kill the record comes again, and may be parked again.
    if (type === 'DispatchDeferred' && kills) continue;
    // The same bytes again: an append whose acknowledgement was lost. Other bytes: two owners.
    if (sameBytes ? appendsInDoubt : zombies || appendsInDoubt) continue;
    findings.violate(8, 'flagged-without-cause', `${type}, ${why}: ${about}`);
  }
}

/** An acknowledgement may have been lost. */
function isDoubt({ kind }: Interruption): boolean {
  return kind === 'broker' || kind === 'network' || kind === 'produce-answers';
}

/** Somebody may have gone on without knowing that he owns nothing any more. */
function isZombie({ kind, fromMs, toMs }: Interruption): boolean {
  return kind === 'pause' && toMs - fromMs >= heartbeatMsMax;
}
