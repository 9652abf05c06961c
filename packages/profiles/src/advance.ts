// `advance`: signed notifications of an identity-verification platform.
//
//   {"eventId", "eventIype", "data"}   compact, every token of the data as it came
//   aai-timestamp  milliseconds, of this attempt
//   aai-nonce      16 random bytes, once
//   aai-signature  Base64(HMAC(secret, raw body))
//
// The document contradicts itself: its text promises "a fixed order with newline separators", its formula and its
// verification hash the body alone. The default is what its verification does; each disagreement is an option.
// `eventIype` is how every sample spells the field that the table calls `eventType`.

import { createHmac } from 'node:crypto';

import { refuseField } from './body-fields.ts';
import { compactJson } from './compact-json.ts';
import { advanceTimeoutMs, nonceBytes, vendorMaxAgeMs } from './limits.ts';
import { bareOptions, checkOptionTable } from './option-check.ts';
import type { BuildInput, BuiltBody, Profile, ProfileEvent, ProfileOptions, Refusal, SignedParts } from './profile.ts';
import { checkSecretsFor } from './secret-check.ts';
import { base64HmacKey, utf8HmacKey, type KeyReader } from './secret-keys.ts';
import { userAgent } from './user-agent.ts';
import { newestSecret } from './valid-secrets.ts';

const signing = 'signing';
const eventTypes = ['COMPLETED', 'SUBMIT_COMPLETED', 'KYB_COMPANY_CHECK_STATUS', 'AML_OGS_UPDATE'];
const typeFields: Readonly<Record<string, readonly string[]>> = {
  eventIype: ['eventIype'],
  eventType: ['eventType'],
  both: ['eventIype', 'eventType'],
};
const signedTexts = ['body', 'timestamp-newline-nonce-newline-body'];

export const advance: Profile = {
  name: 'advance',
  defaults: {
    timeoutMs: advanceTimeoutMs,
    retry: 'advance',
    maxAgeMs: vendorMaxAgeMs,
    successStatus: [[200, 299]],
    contentType: 'application/json',
    userAgent,
  },
  ownHeaders: ['aai-timestamp', 'aai-nonce', 'aai-signature', 'postrider-dispatch-id'],
  sendsDispatchId: false,
  keyPurpose: signing,
  checkOptions: (options) =>
    checkOptionTable(options, {
      algorithm: ['sha256', 'sha512'],
      signedText: signedTexts,
      timestampUnit: ['ms', 's'],
      secretEncoding: ['utf8', 'base64'],
      bigNumbers: ['digits', 'string'],
      eventTypeField: Object.keys(typeFields),
      ...bareOptions,
    }),
  warnings: () => [],
  checkSecrets: (secrets, options = {}) =>
    checkSecretsFor('advance', secrets, { purpose: signing, read: readerOf(options), required: true }),
  buildBody,
  sign,
};

function buildBody(event: ProfileEvent, options: ProfileOptions): BuiltBody {
  if (!eventTypes.includes(event.type)) return refuseField('type');
  if (event.data.length === 0) return refuseField('data');
  const fields = typeFields[(options['eventTypeField'] as string | undefined) ?? 'eventIype'] ?? ['eventIype'];
  const types = fields.map((field) => `"${field}":"${event.type}",`).join('');
  const head = `{"eventId":${JSON.stringify(event.id)},${types}"data":`;
  const data = compactJson(event.data, options['bigNumbers'] === 'string' ? 'string' : 'digits');
  return { ok: true, body: Buffer.concat([Buffer.from(head), data, Buffer.from('}')]) };
}

function sign({ dispatch, endpoint, secrets, timestampMs, randomBytes, nonce }: BuildInput): SignedParts | Refusal {
  const options = endpoint.profileOptions;
  // One signature, no key id: after a rotation the newest secret signs, from the moment it becomes valid.
  const secret = newestSecret(secrets, signing, timestampMs);
  if (secret === undefined) return { ok: false, reason: `no ${signing} secret is valid now` };
  const decoded = readerOf(options)(secret.value);
  if (!decoded.ok) return { ok: false, reason: `secret "${secret.id}" ${decoded.problem}` };
  const timestamp = String(
    options['timestampUnit'] === 's' ? Math.floor(timestampMs / 1_000) : Math.floor(timestampMs),
  );
  const once = nonce ?? Buffer.from(randomBytes(nonceBytes)).toString('base64url');
  const hmac = createHmac(options['algorithm'] === 'sha512' ? 'sha512' : 'sha256', decoded.key);
  if (options['signedText'] === signedTexts[1]) hmac.update(`${timestamp}\n${once}\n`);
  const signature = hmac.update(dispatch.body).digest('base64');
  return {
    ok: true,
    headers: ['aai-timestamp', timestamp, 'aai-nonce', once, 'aai-signature', signature],
    keyIds: [secret.id],
  };
}

function readerOf(options: ProfileOptions): KeyReader {
  return options['secretEncoding'] === 'base64' ? base64HmacKey : utf8HmacKey;
}
