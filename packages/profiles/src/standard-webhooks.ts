// `standard-webhooks` (specification 1.0.0, https://www.standardwebhooks.com): symmetric (v1) and asymmetric (v1a) signatures.
//
//   webhook-id         the dispatch id, the same on every attempt
//   webhook-timestamp  seconds, of this attempt
//   webhook-signature  v1,<base64 HMAC-SHA256(secret, "id.timestamp.body")> or v1a,<base64 ed25519 of the same text>, one for
//                      each valid secret, separated by spaces

import { createHmac, sign as signAsymmetric } from 'node:crypto';

import { signaturesMax, standardMaxAgeMs, standardTimeoutMs } from './limits.ts';
import { checkOptionTable } from './option-check.ts';
import type {
  BuildInput,
  BuiltBody,
  Profile,
  ProfileEvent,
  ProfileOptions,
  Refusal,
  SecretFacts,
  SignedParts,
} from './profile.ts';
import { checkSecretsFor } from './secret-check.ts';
import { userAgent } from './user-agent.ts';
import { validSecrets } from './valid-secrets.ts';
import { decodeWebhookSecret } from './webhook-secret.ts';

const signing = 'signing';

export const standardWebhooks: Profile = {
  name: 'standard-webhooks',
  defaults: {
    timeoutMs: standardTimeoutMs,
    retry: 'standard',
    maxAgeMs: standardMaxAgeMs,
    successStatus: [[200, 299]],
    contentType: 'application/json',
    userAgent,
  },
  ownHeaders: ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'postrider-dispatch-id'],
  sendsDispatchId: true,
  keyPurpose: signing,
  checkOptions: (options) => checkOptionTable(options, { payload: ['data', 'envelope'], userAgent: 'text' }),
  warnings: () => [],
  checkSecrets,
  buildBody,
  sign,
};

function checkSecrets(secrets: readonly SecretFacts[]): string[] {
  const need = { purpose: signing, read: decodeWebhookSecret, required: true };
  const problems = checkSecretsFor('standard-webhooks', secrets, need);
  const signers = secrets.filter((secret) => secret.purpose === signing).length;
  return signers <= signaturesMax
    ? problems
    : [...problems, `at most ${signaturesMax} secrets can sign, there are ${signers}`];
}

function buildBody(event: ProfileEvent, options: ProfileOptions): BuiltBody {
  if (event.data.length === 0) return { ok: false, reason: 'profile:data' };
  if (options['payload'] !== 'envelope') return { ok: true, body: event.data };
  const time = new Date(event.timeMs ?? event.recordTimeMs);
  if (Number.isNaN(time.getTime())) return { ok: false, reason: 'profile:timestamp' };
  // The data is spliced in as bytes: parsing and writing it again would lose digits of large numbers.
  const head = `{"type":${JSON.stringify(event.type)},"timestamp":"${time.toISOString()}","data":`;
  return { ok: true, body: Buffer.concat([Buffer.from(head), event.data, Buffer.from('}')]) };
}

function sign({ dispatch, secrets, timestampMs }: BuildInput): SignedParts | Refusal {
  const id = dispatch.dispatchId;
  const timestamp = Math.floor(timestampMs / 1_000);
  // A dot in the id would let a timestamp's digits pass for a part of it.
  if (id.includes('.')) return { ok: false, reason: 'the id holds a dot' };
  const prefix = `${id}.${timestamp}.`;
  const keyIds: string[] = [];
  let signatures = '';
  for (const secret of validSecrets(secrets, signing, timestampMs).slice(0, signaturesMax)) {
    const decoded = decodeWebhookSecret(secret.value);
    if (!decoded.ok) return { ok: false, reason: `secret "${secret.id}" ${decoded.problem}` };
    const { version, key } = decoded;
    const signature =
      version === 'v1'
        ? createHmac('sha256', key).update(prefix).update(dispatch.body).digest('base64')
        : signAsymmetric(null, Buffer.concat([Buffer.from(prefix), dispatch.body]), key).toString('base64');
    signatures += `${keyIds.length === 0 ? '' : ' '}${version},${signature}`;
    keyIds.push(secret.id);
  }
  if (keyIds.length === 0) return { ok: false, reason: 'no signing secret is valid now' };
  return {
    ok: true,
    headers: ['webhook-id', id, 'webhook-timestamp', String(timestamp), 'webhook-signature', signatures],
    keyIds,
  };
}
