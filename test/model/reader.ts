// Rule R4: what a reader of `attempts` takes for true. The same for the dispatcher, the projector, a replay and this model.

import type { Rules } from './rules.ts';
import { attemptKey, roundKey, type Owner, type Said, type Written } from './state.ts';

const terminal: ReadonlySet<Said> = new Set(['delivered', 'dead', 'ended', 'unknown', 'suppressed']);

/** True for what ends or moves an attempt for good; a start and a parking do not. */
export const settles = ({ said }: Pick<Written, 'said'>): boolean => said !== 'started' && said !== 'parked';

/** The settlements that count, in the order of the log. */
function counted(attempts: readonly Written[], rules: Rules): Written[] {
  const seen = new Set<string>();
  return attempts.filter((written) => {
    if (!settles(written)) return false;
    if (!rules.firstCounts) return true;
    const key = `${attemptKey(written)}${!rules.endIsSettlement && written.said === 'ended' ? ' ended' : ''}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Terminal states of a round, each once. With all rules there is never more than one. */
export function terminals(attempts: readonly Written[], rules: Rules, round: string): string[] {
  const found = counted(attempts, rules).filter((one) => roundKey(one) === round && terminal.has(one.said));
  return [...new Set(found.map(({ attempt, said }) => `${said} by attempt ${attempt}`))];
}

/** The first settlement of an attempt among the places that an owner knows. */
export function standing(
  attempts: readonly Written[],
  owner: Pick<Owner, 'cover' | 'known' | 'blind' | 'kept'>,
  attempt: string,
): Written | undefined {
  return attempts.find(
    (written, at) =>
      settles(written) &&
      attemptKey(written) === attempt &&
      ((at >= owner.cover && at < owner.known && !owner.blind.includes(at)) || owner.kept.includes(at)),
  );
}
