// What a call came to, as its profile judges it, and the answer that goes back to whoever waits.

import { encodeReply } from '@postrider/core/contracts';
import type { Dispatch, Outcome } from '@postrider/core/domain';
import type { SendResult } from '@postrider/http';
import type { ReplyRule, ReplyVerdict } from '@postrider/profiles';

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

export function answerOf(dispatch: Dispatch, rule: ReplyRule, verdict: ReplyVerdict): Answer {
  const ids = { correlationId: dispatch.correlation ?? '', transactionId: rule.correlationOf(dispatch.body) };
  if (verdict.outcome === 'replied')
    return { refusal: undefined, reply: encodeReply({ ...ids, outcome: 'replied' }, verdict.reply.json) };
  const { outcome, reason } = verdict;
  return { refusal: `${outcome}: ${reason}`, reply: encodeReply({ ...ids, outcome, reason }) };
}
