// Every rule over one run's evidence. Imports nothing of the services: what they believe is what is looked at.

import type { Evidence } from './evidence.ts';
import { readFacts } from './facts.ts';
import { Findings } from './finding.ts';
import { checkTerminalStates } from './terminal-states.ts';

export function check(evidence: Evidence): Findings {
  const findings = new Findings();
  const facts = readFacts(evidence);
  checkTerminalStates(facts, findings);
  for (const end of evidence.badEnds) findings.violate(7, 'bad-end', end);
  for (const behind of evidence.leftBehind) findings.violate(7, 'left-behind', behind);
  return findings;
}
