// `npm run test:mutations`: every known mistake in turn, first its faults without it, which must find nothing, then with it,
// which must find what is meant to.

import type { Ground } from './ground.ts';
import { editsOf, mutations, planMutation, type Mutation } from './mutations.ts';
import { verdictLines } from './report.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

export interface MutationVerdict {
  readonly mutation: string;
  /** Violations of the same faults on the source as it is. */
  readonly withoutIt: number;
  readonly rules: Readonly<Record<string, number>>;
  readonly caught: boolean;
}

export async function runMutations(
  ground: Ground,
  names: readonly string[],
  { seed, say, detail }: { seed: number; say: (line: string) => void; detail: (line: string) => void },
): Promise<MutationVerdict[]> {
  const verdicts: MutationVerdict[] = [];
  let next = seed;
  for (const mutation of mutations.filter(({ name }) => names.includes(name) || names.includes('all'))) {
    const control = await run(mutation, false);
    for (const line of control.findings.violations.length === 0 ? [] : verdictLines(control)) say(line);
    const mutated = await run(mutation, true);
    for (const line of verdictLines(mutated)) detail(line);
    const rules = countRules(mutated);
    const withoutIt = control.findings.violations.length;
    const caught = withoutIt === 0 && mutation.foundBy.some((rule) => rule in rules);
    verdicts.push({ mutation: mutation.name, withoutIt, rules, caught });
    const told = Object.entries(rules).map(([rule, n]) => `${rule} ${n}`);
    say(
      `${caught ? 'caught' : 'NOT CAUGHT'}  ${mutation.name}: ${told.join(', ') || 'nothing found'}; without it: ${withoutIt}`,
    );
  }
  return verdicts;

  function run(mutation: Mutation, mutated: boolean): Promise<SeedResult> {
    const name = `${mutation.name}${mutated ? '' : '-without'}`;
    const plan = { ...planMutation(mutation, next++), name };
    return runSeed(ground, plan, { edits: mutated ? editsOf(mutation) : [], say: detail });
  }
}

function countRules({ findings }: SeedResult): Record<string, number> {
  const rules: Record<string, number> = {};
  for (const { rule } of findings.violations) rules[rule] = (rules[rule] ?? 0) + 1;
  return rules;
}
