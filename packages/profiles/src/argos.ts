// `argos`: results of an identity verification. The body is built from the event; encryption, when it is on, is made anew
// for every attempt over the same plain bytes.
//
//   {projectId, submissionId, userId?, status, timestamp, webhookParams}
//   X-Webhook-Encrypted: true | false; Content-Type text/plain when true
//
// `timestamp` is when the event was put into the dispatch pipeline (the time of the upstream record): the clock at
// convergence would give another body each time the record is processed.

import { checkEncryption, encryptBody, encryptionOf, encryptionWarnings, keyReaderOf } from './argos-encryption.ts';
import { isoTime, refuseField } from './body-fields.ts';
import { jsonMembers, jsonText, memberOf } from './json-members.ts';
import { argosTimeoutMs, vendorMaxAgeMs } from './limits.ts';
import { bareOptions, checkOptionTable } from './option-check.ts';
import type { BuildInput, BuiltBody, Profile, ProfileEvent, Refusal, SignedParts } from './profile.ts';
import { checkSecretsFor } from './secret-check.ts';
import { newestSecret } from './valid-secrets.ts';

const encryptionPurpose = 'encryption';
const eventTypes = ['verification.completed', 'verification.status_changed', 'administrator.action'];
const statuses = ['approved', 'rejected', 'incomplete'];

export const argos: Profile = {
  name: 'argos',
  defaults: {
    timeoutMs: argosTimeoutMs,
    retry: 'argos',
    maxAgeMs: vendorMaxAgeMs,
    successStatus: [[200, 299]],
    contentType: 'application/json',
    userAgent: 'Argos-kyc-webhook',
  },
  ownHeaders: ['x-webhook-encrypted', 'postrider-dispatch-id'],
  sendsDispatchId: false,
  keyPurpose: encryptionPurpose,
  checkOptions: (options) => checkOptionTable(options, { encryption: checkEncryption, ...bareOptions }),
  warnings: (options) => encryptionWarnings(encryptionOf(options)),
  checkSecrets(secrets, options = {}) {
    const encryption =
      checkEncryption(options['encryption'] ?? 'none') === undefined ? encryptionOf(options) : undefined;
    if (encryption === undefined) return checkSecretsFor('argos without encryption', secrets);
    const need = { purpose: encryptionPurpose, read: keyReaderOf(encryption), required: true };
    return checkSecretsFor('argos', secrets, need);
  },
  buildBody,
  sign,
};

function buildBody(event: ProfileEvent): BuiltBody {
  if (!eventTypes.includes(event.type)) return refuseField('type');
  if (event.subject === undefined || event.subject === '') return refuseField('submissionId');
  const timestamp = isoTime(event.recordTimeMs);
  if (timestamp === undefined) return refuseField('timestamp');
  const members = jsonMembers(event.data);
  if (members === undefined) return refuseField('data');
  const status = memberOf(members, 'status');
  const statusText = status === undefined || status === 'repeated' ? undefined : jsonText(status);
  if (statusText === undefined || !statuses.includes(statusText)) return refuseField('status');
  const userId = memberOf(members, 'userId');
  const hasUserId = userId !== undefined && userId !== 'repeated' && jsonText(userId) !== undefined;
  if (!hasUserId && userId !== undefined && !isNull(userId)) return refuseField('userId');
  const params = memberOf(members, 'webhookParams');
  if (params === undefined || params === 'repeated' || params[0] !== 0x7b) return refuseField('webhookParams');

  const head = `{"projectId":${JSON.stringify(event.projectId)},"submissionId":${JSON.stringify(event.subject)}`;
  const tail = `,"status":"${statusText}","timestamp":"${timestamp}","webhookParams":`;
  const parts: Uint8Array[] = [Buffer.from(head)];
  if (hasUserId) parts.push(Buffer.from(',"userId":'), userId);
  parts.push(Buffer.from(tail), params, Buffer.from('}'));
  return { ok: true, body: Buffer.concat(parts) };
}

function isNull(raw: Uint8Array | 'repeated'): boolean {
  return raw !== 'repeated' && Buffer.from(raw).toString('latin1') === 'null';
}

function sign({ dispatch, endpoint, secrets, timestampMs, randomBytes, nonce }: BuildInput): SignedParts | Refusal {
  const encryption = encryptionOf(endpoint.profileOptions);
  if (encryption === undefined) return { ok: true, headers: ['X-Webhook-Encrypted', 'false'], keyIds: [] };
  const secret = newestSecret(secrets, encryptionPurpose, timestampMs);
  if (secret === undefined) return { ok: false, reason: `no ${encryptionPurpose} secret is valid now` };
  const made = encryptBody(encryption, { secret: secret.value, body: dispatch.body, nonce }, randomBytes);
  if (!made.ok) return { ok: false, reason: `secret "${secret.id}" cannot encrypt: ${made.reason}` };
  return {
    ok: true,
    headers: ['X-Webhook-Encrypted', 'true'],
    body: made.body,
    contentType: 'text/plain',
    keyIds: [secret.id],
  };
}
