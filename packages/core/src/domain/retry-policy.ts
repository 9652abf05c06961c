// Retry policies: how long after attempt n the next one is due, and when there is none left.

export type RetryPolicyName = 'none' | 'standard' | 'advance' | 'argos';

export type RetryPolicy =
  | { readonly kind: 'named'; readonly name: RetryPolicyName }
  | { readonly kind: 'delays'; readonly delaysMs: readonly number[]; readonly spread?: number | undefined }
  | {
      readonly kind: 'exponential';
      readonly baseMs: number;
      readonly factor: number;
      readonly capMs: number;
      readonly count: number;
      readonly spread?: number | undefined;
    };

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Delays after attempt 1, 2, …; the list's length + 1 is the number of attempts in a round. */
export const namedPolicies: Readonly<Record<RetryPolicyName, readonly number[]>> = {
  none: [],
  advance: [5 * second, 10 * second, 20 * second],
  argos: [5 * second, 15 * second, 45 * second],
  standard: [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour],
};

/** `Retry-After` is honoured up to this; a longer wish is cut, since the policy's own age limit decides then. */
export const retryAfterMsMax = 24 * hour;

/**
 * Delay in ms from the settling of attempt `attempt` (1-based) to the due time of the next one, or undefined when the
 * policy has none left. `random` in [0, 1) spreads the delay by up to the policy's `spread` fraction, later only.
 */
export function delayAfter(policy: RetryPolicy, attempt: number, random: number): number | undefined {
  const base = baseDelay(policy, attempt);
  if (base === undefined) return undefined;
  const spread = policy.kind === 'named' ? 0 : (policy.spread ?? 0);
  return Math.round(base * (1 + spread * random));
}

function baseDelay(policy: RetryPolicy, attempt: number): number | undefined {
  switch (policy.kind) {
    case 'named':
      return namedPolicies[policy.name][attempt - 1];
    case 'delays':
      return policy.delaysMs[attempt - 1];
    case 'exponential':
      return attempt > policy.count
        ? undefined
        : Math.min(policy.capMs, policy.baseMs * policy.factor ** (attempt - 1));
  }
}
