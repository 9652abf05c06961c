// One HTTP attempt: sign over exactly the bytes that go out, send within the total deadline, judge what came back.

import { sha256Hex } from '@postrider/core/contracts';
import { judge, type Dispatch, type Outcome } from '@postrider/core/domain';
import type { Sender, SendResult } from '@postrider/http';
import { buildRequest, type SecretValue } from '@postrider/profiles';
import type { EndpointRuntime } from './endpoint-runtime.ts';

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
}

/** Sends one attempt. Never rejects: everything the wire or the configuration can do is an outcome. */
export async function sendAttempt(
  dispatch: Dispatch,
  { endpoint, profile, url }: EndpointRuntime,
  secrets: readonly SecretValue[],
  { sender, now, randomBytes }: SendPorts,
): Promise<AttemptResult> {
  const startedAtMs = now();
  const built = profile
    ? buildRequest(profile, { dispatch, endpoint, secrets, timestampMs: startedAtMs, randomBytes })
    : ({ ok: false, reason: `profile ${endpoint.profile} is not known here` } as const);
  if (!built.ok) {
    return {
      outcome: { kind: 'invalid-configuration', httpStatus: undefined, detail: built.reason, retryAfterMs: undefined },
      startedAtMs,
      durationMs: 0,
      phases: undefined,
      response: undefined,
      excerpt: undefined,
      keyIds: [],
      bodyDigest: sha256Hex(dispatch.body),
      bodyBytes: dispatch.body.length,
    };
  }
  const result = await sender.send({
    url,
    method: endpoint.method,
    headers: built.headers,
    body: built.body,
    timeoutMs: endpoint.timeoutMs,
    tls: endpoint.tls,
  });
  const { response } = result;
  return {
    outcome: judge(result.exchange, endpoint.successStatus),
    startedAtMs: result.startedAtMs,
    durationMs: result.durationMs,
    phases: result.phases,
    response: response && { digest: sha256Hex(response.excerpt), bytes: response.bytes, truncated: response.truncated },
    excerpt: response?.excerpt,
    keyIds: built.keyIds,
    bodyDigest: sha256Hex(built.body),
    bodyBytes: built.body.length,
  };
}
