// One HTTP attempt: sign over exactly the bytes that go out, send within the total deadline, judge what came back. A call is
// judged by its profile, which reads the reply; everything else by its status.

import { sha256Hex } from '@postrider/core/contracts';
import { judge, type Dispatch, type Outcome } from '@postrider/core/domain';
import type { Sender, SendResult } from '@postrider/http';
import { buildRequest, withoutSecrets } from '@postrider/profiles';
import { answerOf, answerUnmade, callOutcome, isUnanswerable, type Answer } from './answer-call.ts';
import type { EndpointRuntime, Secrets } from './endpoint-runtime.ts';

export interface SendPorts {
  readonly sender: Pick<Sender, 'send'>;
  readonly now: () => number;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** What an attempt came to, and what its record keeps of it. */
export interface AttemptResult {
  readonly outcome: Outcome;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly phases: SendResult['phases'] | undefined;
  readonly response: { readonly digest: string; readonly bytes: number; readonly truncated: boolean } | undefined;
  readonly excerpt: Buffer | undefined;
  readonly keyIds: readonly string[];
  readonly bodyDigest: string;
  readonly bodyBytes: number;
  /** Of a call; none when a drain cut it: whether the receiver has it nobody knows. */
  readonly answer: Answer | undefined;
}

const refuse = (reason: string) => ({ ok: false, reason }) as const;

/** Of a call's reply the audit keeps this much; the whole of it is in the answer. */
const excerptBytesMax = 4_096;

/** Sends one attempt. Never rejects: everything the wire or the configuration can do is an outcome. */
export async function sendAttempt(
  dispatch: Dispatch,
  { endpoint, profile, url }: EndpointRuntime,
  { values: secrets, tls }: Pick<Extract<Secrets, { ok: true }>, 'values' | 'tls'>,
  { sender, now, randomBytes }: SendPorts,
): Promise<AttemptResult> {
  const startedAtMs = now();
  const built = !profile
    ? refuse(`profile ${endpoint.profile} is not known here`)
    : isUnanswerable(dispatch, profile)
      ? refuse(`profile ${endpoint.profile} answers no calls`)
      : buildRequest(profile, { dispatch, endpoint, secrets, timestampMs: startedAtMs, randomBytes });
  if (!built.ok) {
    const reason = 'invalid-configuration';
    return {
      outcome: { kind: reason, httpStatus: undefined, detail: built.reason, retryAfterMs: undefined },
      startedAtMs,
      durationMs: 0,
      phases: undefined,
      response: undefined,
      excerpt: undefined,
      keyIds: [],
      bodyDigest: sha256Hex(dispatch.body),
      bodyBytes: dispatch.body.length,
      answer: answerUnmade(dispatch, profile?.reply, reason),
    };
  }
  // What is no call has nobody who waits for an answer, whatever its endpoint has become.
  const reply = dispatch.correlation === undefined ? undefined : profile?.reply;
  const cutMs = reply && dispatch.deadlineMs !== undefined ? dispatch.deadlineMs - startedAtMs : undefined;
  // Whoever waits for the answer has given up by then.
  const givenUp =
    cutMs !== undefined && cutMs < endpoint.timeoutMs ? AbortSignal.timeout(Math.max(0, cutMs)) : undefined;
  const result = await sender.send({
    url,
    method: endpoint.method,
    headers: built.headers,
    body: built.body,
    timeoutMs: endpoint.timeoutMs,
    tls,
    ...(reply ? { responseBytesMax: reply.bytesMax } : {}),
    signal: givenUp,
  });
  const { response } = result;
  const verdict = reply?.judge({
    exchange: result.exchange,
    response: response && { header: response.header, bytes: response.excerpt, truncated: response.truncated },
    sentHeaders: built.headers,
    secrets,
    options: endpoint.profileOptions,
  });
  const cutByDrain = verdict?.outcome === 'cancelled' && givenUp?.aborted !== true;
  const excerpt = response && withoutSecrets(response.excerpt.subarray(0, excerptBytesMax), secrets);
  return {
    outcome: verdict ? callOutcome(result, verdict) : judge(result.exchange, endpoint.successStatus),
    startedAtMs: result.startedAtMs,
    durationMs: result.durationMs,
    phases: result.phases,
    response: response && {
      // Of what is kept of it, or would be: the chain holds this, so the excerpt can be proven, and can go.
      digest: sha256Hex(excerpt ?? response.excerpt),
      bytes: response.bytes,
      truncated: response.truncated || response.excerpt.length > excerptBytesMax,
    },
    excerpt: endpoint.keepResponse === false ? undefined : excerpt,
    keyIds: built.keyIds,
    bodyDigest: sha256Hex(built.body),
    bodyBytes: built.body.length,
    answer: reply && verdict && !cutByDrain ? answerOf(dispatch, reply, verdict) : undefined,
  };
}
