// What the receiver answers, by seed: the n-th request of one dispatch to one path always gets the same answer, whoever sends
// it and whenever. Pure.

import { createHash } from 'node:crypto';

export type Answer =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterS?: number }
  /** Reads everything, answers never. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset-before-read' }
  /** Taken, but never answered. */
  | { readonly kind: 'reset-after-read' }
  /** Status line and half a body, then RST. */
  | { readonly kind: 'ok-then-reset' };

/** How often, of a thousand, an endpoint answers otherwise than 200. */
export type AnswerMix = Readonly<
  Partial<Record<'500' | '410' | '429' | 'hang-first' | Exclude<Answer['kind'], 'status'>, number>>
>;

/** A number in [0, 1) that depends on nothing but its arguments. */
export function chance(...parts: readonly (string | number)[]): number {
  return createHash('sha256').update(parts.join('\0')).digest().readUInt32BE(0) / 4_294_967_296;
}

export function answerFor(
  mix: AnswerMix,
  request: { readonly seed: number; readonly id: string; readonly n: number },
): Answer {
  let left = chance(request.seed, request.id, request.n) * 1_000;
  for (const [kind, share] of Object.entries(mix) as [keyof AnswerMix, number][]) {
    left -= share;
    if (left >= 0) continue;
    if (kind === '500' || kind === '410') return { kind: 'status', status: Number(kind) };
    if (kind === 'hang-first') return request.n === 1 ? { kind: 'hang' } : { kind: 'status', status: 200 };
    if (kind === '429') return { kind: 'status', status: 429, retryAfterS: 1 };
    return { kind };
  }
  return { kind: 'status', status: 200 };
}
