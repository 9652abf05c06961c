// `pomelo`: changes of an identity-validation session.
//
//   {"event_id":"identity-session-status-changed","idempotency_key","session":{"id","status"}}
//   x-api-key     which key pair: the secret's id, or what the option `apiKeys` says for it
//   x-timestamp   unix seconds, of this attempt
//   x-endpoint    path and query of the endpoint
//   x-signature   hmac-sha256 Base64(HMAC-SHA256(base64decode(api-secret), timestamp + endpoint + raw body))
//
// The three parts are joined without separators. That stays unambiguous because a timestamp is digits only and an
// endpoint begins with a slash.

import { createHmac } from 'node:crypto';

import { refuseField } from './body-fields.ts';
import { jsonMembers, jsonText, memberOf } from './json-members.ts';
import { pomeloTimeoutMs, vendorMaxAgeMs } from './limits.ts';
import { bareOptions, checkOptionTable, checkSecretMap, mappedSecretId } from './option-check.ts';
import type { BuildInput, BuiltBody, Profile, ProfileEvent, Refusal, SignedParts } from './profile.ts';
import { checkSecretsFor } from './secret-check.ts';
import { base64HmacKey } from './secret-keys.ts';
import { userAgent } from './user-agent.ts';
import { newestSecret } from './valid-secrets.ts';

const signing = 'signing';
const eventId = 'identity-session-status-changed';

export const pomelo: Profile = {
  name: 'pomelo',
  defaults: {
    timeoutMs: pomeloTimeoutMs,
    retry: 'standard',
    maxAgeMs: vendorMaxAgeMs,
    successStatus: [[200, 299]],
    contentType: 'application/json',
    userAgent,
  },
  ownHeaders: ['x-api-key', 'x-timestamp', 'x-endpoint', 'x-signature', 'postrider-dispatch-id'],
  sendsDispatchId: false,
  keyPurpose: signing,
  checkOptions: (options) =>
    checkOptionTable(options, { endpoint: ['path+query', 'path'], apiKeys: checkSecretMap, ...bareOptions }),
  warnings: () => [],
  checkSecrets: (secrets) =>
    checkSecretsFor('pomelo', secrets, { purpose: signing, read: base64HmacKey, required: true }),
  buildBody,
  sign,
};

function buildBody(event: ProfileEvent): BuiltBody {
  if (event.subject === undefined || event.subject === '') return refuseField('session.id');
  const members = jsonMembers(event.data);
  if (members === undefined) return refuseField('data');
  const status = memberOf(members, 'status');
  if (status === undefined || status === 'repeated' || !jsonText(status)) return refuseField('session.status');
  const head = `{"event_id":"${eventId}","idempotency_key":${JSON.stringify(event.id)},"session":{"id":${JSON.stringify(event.subject)},"status":`;
  return { ok: true, body: Buffer.concat([Buffer.from(head), status, Buffer.from('}}')]) };
}

function sign({ dispatch, endpoint, secrets, timestampMs }: BuildInput): SignedParts | Refusal {
  const secret = newestSecret(secrets, signing, timestampMs);
  if (secret === undefined) return { ok: false, reason: `no ${signing} secret is valid now` };
  const decoded = base64HmacKey(secret.value);
  if (!decoded.ok) return { ok: false, reason: `secret "${secret.id}" ${decoded.problem}` };
  const timestamp = String(Math.floor(timestampMs / 1_000));
  const url = new URL(endpoint.url);
  const target = endpoint.profileOptions['endpoint'] === 'path' ? url.pathname : `${url.pathname}${url.search}`;
  const digest = createHmac('sha256', decoded.key)
    .update(timestamp)
    .update(target)
    .update(dispatch.body)
    .digest('base64');
  return {
    ok: true,
    headers: [
      'x-api-key',
      mappedSecretId(endpoint.profileOptions['apiKeys'], secret.id),
      'x-timestamp',
      timestamp,
      'x-endpoint',
      target,
      'x-signature',
      `hmac-sha256 ${digest}`,
    ],
    keyIds: [secret.id],
  };
}
