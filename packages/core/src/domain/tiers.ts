// Retry tiers: topics of one nominal delay each. A record waits in a tier for min(tier, what remains) and hops to the
// largest tier that fits until it is due, so every tier above the smallest gives its records back in the order they came.

/** A tier's nominal delay in ms and the word in its topic name, e.g. `5m`. */
export interface Tier {
  readonly name: string;
  readonly delayMs: number;
}

/** Tiers in rising order of delay; at least one. */
export type Tiers = readonly [Tier, ...Tier[]];

/** How long a record stays in a tier, in ms. */
export interface TierStay {
  readonly tier: Tier;
  readonly stayMs: number;
}

/**
 * The tier for a record that must wait `remainingMs`: the largest that is not longer, for its nominal delay; a shorter
 * remainder takes the smallest tier for just that remainder (the scheduler reads ahead there).
 */
export function tierFor(tiers: Tiers, remainingMs: number): TierStay {
  const remaining = Math.max(0, remainingMs);
  const fitting = tiers.findLast((tier) => tier.delayMs <= remaining);
  return fitting ? { tier: fitting, stayMs: fitting.delayMs } : { tier: tiers[0], stayMs: remaining };
}
