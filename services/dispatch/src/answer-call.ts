// What a call came to, as its profile judges it, and the answer that goes back to whoever waits.

import { encodeReply } from '@postrider/core/contracts';
import type { Dispatch, Outcome } from '@postrider/core/domain';
import type { SendResult } from '@postrider/http';
import type { Profile, ReplyRule, ReplyVerdict } from '@postrider/profiles';

export interface Answer {
  /** Why it was not replied to; undefined when it was. */
  readonly refusal: string | undefined;
  /** Bytes of its record on `<env>.replies`. */
  readonly reply: Buffer;
}

export function callOutcome({ exchange }: SendResult, verdict: ReplyVerdict): Outcome {
  return {
    kind: verdict.kind,
    httpStatus: exchange.kind === 'response' ? exchange.status : undefined,
    detail: verdict.outcome === 'replied' ? undefined : verdict.reason,
    retryAfterMs: undefined,
  };
}

/** @param rule undefined: the endpoint answers no calls any more */
export function answerOf(dispatch: Dispatch, rule: ReplyRule | undefined, verdict: ReplyVerdict): Answer {
  const ids = { correlationId: dispatch.correlation ?? '', transactionId: rule?.correlationOf(dispatch.body) };
  if (verdict.outcome === 'replied')
    return { refusal: undefined, reply: encodeReply({ ...ids, outcome: 'replied' }, verdict.reply.json) };
  const { outcome, reason } = verdict;
  return { refusal: `${outcome}: ${reason}`, reply: encodeReply({ ...ids, outcome, reason }) };
}

/** True of a call whose endpoint has become one that answers none: nobody could tell what its response means. */
export function isUnanswerable({ correlation }: Dispatch, { reply }: Pick<Profile, 'reply'>): boolean {
  return correlation !== undefined && reply === undefined;
}

/** The answer of a call that cannot be made as its endpoint is configured; undefined of what is no call. */
export function answerUnmade(
  dispatch: Dispatch,
  rule: ReplyRule | undefined,
  reason: 'invalid-configuration',
): Answer | undefined {
  if (dispatch.correlation === undefined) return undefined;
  return answerOf(dispatch, rule, { outcome: 'unavailable', kind: reason, reason });
}
