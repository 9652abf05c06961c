// Sends one signed test event to an endpoint through the guard and the sender that deliveries use, and says what happened.
// Nothing is written anywhere: no dispatch, no attempt, no audit record stands behind it.

import { maskUrl } from '@postrider/core/contracts';
import { judge, type DispatchId, type Endpoint } from '@postrider/core/domain';
import { endpointTls, type Sender, type SendResult } from '@postrider/http';
import { buildRequest, profileNamed, withoutSecrets, type Profile, type SecretValue } from '@postrider/profiles';
import { secretAsk, type SecretSource } from '@postrider/runtime';
import { syntheticDispatchId } from './synthetic-id.ts';
import { testEvent } from './test-event.ts';

export interface TestSendPorts {
  readonly sender: Pick<Sender, 'send'>;
  readonly secrets: Pick<SecretSource, 'prepare' | 'resolve'>;
  readonly now: () => number;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly uuid: () => string;
  /** Bounds the endpoint's own timeout. */
  readonly timeoutMsMax: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TestSend {
  readonly endpoint: string;
  readonly version: number;
  readonly dispatch: string;
  readonly eventType: string;
  readonly profile: string;
  readonly method: string;
  /** Masked as in the audit. */
  readonly url: string;
  readonly success: boolean;
  /** Outcome kind as in an attempt's record. */
  readonly outcome: string;
  readonly status: number | null;
  readonly detail: string | null;
  /** Ids of the secrets that signed, encrypted or authenticated. */
  readonly keyIds: readonly string[];
  /** Milliseconds; those that did not happen are absent. `firstByteMs` counts from the start. */
  readonly phases: SendResult['phases'];
  readonly totalMs: number;
  readonly requestBytes: number;
  readonly response: { readonly excerpt: string; readonly bytes: number; readonly truncated: boolean } | null;
}

/** Never rejects for what the wire, a secret or the endpoint's configuration does. */
export async function sendTest(endpoint: Endpoint, ports: TestSendPorts): Promise<TestSend> {
  const { now, randomBytes } = ports;
  const nowMs = now();
  const profile = profileNamed(endpoint.profile);
  const { projectId } = endpoint;
  const event = testEvent({ profile: endpoint.profile, projectId, nowMs, uuid: ports.uuid() });
  const dispatch = syntheticDispatchId(randomBytes) as DispatchId;
  const facts = {
    endpoint: endpoint.endpointId,
    version: endpoint.version,
    dispatch,
    eventType: event.type,
    profile: endpoint.profile,
    method: endpoint.method,
    url: maskUrl(endpoint.url),
  };
  const notSent = (detail: string): TestSend => ({
    ...facts,
    success: false,
    outcome: 'invalid-configuration',
    status: null,
    detail,
    keyIds: [],
    phases: {},
    totalMs: 0,
    requestBytes: 0,
    response: null,
  });
  if (profile === undefined) return notSent(`profile ${endpoint.profile} is not known here`);
  const secrets = await secretsOf(endpoint, ports.secrets, nowMs);
  if (!secrets.ok) return notSent(secrets.reason);
  const tls = endpointTls(endpoint, secrets.values);
  if (!tls.ok) return notSent(tls.reason);
  const body = profile.buildBody(event, endpoint.profileOptions);
  if (!body.ok) return notSent(`no test event for this profile: ${body.reason}`);
  const built = buildRequest(profile, {
    dispatch: { dispatchId: dispatch, body: body.body },
    endpoint,
    secrets: secrets.values,
    timestampMs: nowMs,
    randomBytes,
  });
  if (!built.ok) return notSent(built.reason);
  const result = await ports.sender.send({
    url: new URL(endpoint.url),
    method: endpoint.method,
    headers: built.headers,
    body: built.body,
    timeoutMs: Math.min(endpoint.timeoutMs, ports.timeoutMsMax),
    tls: tls.material,
    responseBytesMax: profile.reply?.bytesMax,
    signal: ports.signal,
  });
  const verdict = verdictOf(result, { profile, endpoint, sentHeaders: built.headers, secrets: secrets.values });
  const { response } = result;
  const excerpt = response && withoutSecrets(response.excerpt, secrets.values).toString('utf8');
  return {
    ...facts,
    ...verdict,
    status: result.exchange.kind === 'response' ? result.exchange.status : null,
    keyIds: built.keyIds,
    phases: result.phases,
    totalMs: result.durationMs,
    requestBytes: built.body.length,
    response:
      response && excerpt !== undefined ? { excerpt, bytes: response.bytes, truncated: response.truncated } : null,
  };
}

interface Sent {
  readonly profile: Profile;
  readonly endpoint: Endpoint;
  readonly sentHeaders: readonly string[];
  readonly secrets: readonly SecretValue[];
}

function verdictOf(
  { exchange, response }: SendResult,
  { profile, endpoint, sentHeaders, secrets }: Sent,
): Pick<TestSend, 'success' | 'outcome' | 'detail'> {
  if (profile.reply === undefined) {
    const { kind, detail } = judge(exchange, endpoint.successStatus);
    return { success: kind === 'success', outcome: kind, detail: detail ?? null };
  }
  const verdict = profile.reply.judge({
    exchange,
    response: response && { header: response.header, bytes: response.excerpt, truncated: response.truncated },
    sentHeaders,
    secrets,
    options: endpoint.profileOptions,
  });
  const success = verdict.outcome === 'replied';
  return { success, outcome: verdict.kind, detail: success ? null : verdict.reason };
}

/** As dispatch takes them: expired ones are left out, one that is not to be had ends it. */
async function secretsOf(
  endpoint: Endpoint,
  source: TestSendPorts['secrets'],
  nowMs: number,
): Promise<{ ok: true; values: SecretValue[] } | { ok: false; reason: string }> {
  const current = endpoint.secrets.filter(({ notAfterMs }) => notAfterMs === undefined || notAfterMs > nowMs);
  const asks = current.map((secret) => secretAsk(endpoint, secret));
  await source.prepare(asks);
  const values: SecretValue[] = [];
  for (const [index, { id, purpose, notBeforeMs, notAfterMs }] of current.entries()) {
    const found = source.resolve(asks[index] ?? '');
    if (!found.ok) return { ok: false, reason: `${found.problem.message} here; try where dispatch runs` };
    values.push({ id, purpose, value: found.value, notBeforeMs, notAfterMs });
  }
  return { ok: true, values };
}
