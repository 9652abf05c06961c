// Every rule over one run's evidence. Imports nothing of the services: what they believe is what is looked at.

import { checkAuditLog } from './audit-log.ts';
import { checkBodies } from './bodies.ts';
import { checkConsequences } from './consequences.ts';
import type { Evidence } from './evidence.ts';
import { readFacts } from './facts.ts';
import { Findings } from './finding.ts';
import { checkIsolation } from './isolation.ts';
import { checkLaterRecords } from './later-records.ts';
import { checkNeverEarly } from './never-early.ts';
import { checkReceiverAgrees } from './receiver-agrees.ts';
import { pairRequests } from './requests.ts';
import { checkSentTwice } from './sent-twice.ts';
import { checkTerminalStates } from './terminal-states.ts';

export function check(evidence: Evidence): Findings {
  const findings = new Findings();
  const facts = readFacts(evidence);
  const pairing = pairRequests(facts);
  checkTerminalStates(facts, findings);
  checkConsequences(facts, findings);
  checkBodies(facts, findings);
  checkSentTwice(facts, pairing, findings);
  checkNeverEarly(facts, pairing, findings);
  checkIsolation(facts, findings);
  checkReceiverAgrees(facts, pairing, findings);
  checkAuditLog(facts, findings);
  checkLaterRecords(facts, findings);
  findings.count(7, evidence.interruptions.length);
  for (const end of evidence.badEnds) findings.violate(7, 'bad-end', end);
  for (const behind of evidence.leftBehind) findings.violate(7, 'left-behind', behind);
  return findings;
}
