// The request body of an Envoy webhook, checked at convergence and passed on as it came. Only members that count as absent
// are cut out ("omitted if payload is set"): a receiver may take an empty error for an error.

import { refuseField } from './body-fields.ts';
import { isEmptyValue, isObject, messageProblem, type JsonObject } from './envoy-message.ts';
import { jsonMembers, jsonText, memberOf, type JsonMember } from './json-members.ts';
import type { BuiltBody } from './profile.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const rfc3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

const optionalText = ['hmac_signature', 'public_key_signature', 'transfer_state'];
const once = ['transaction_id', 'timestamp', 'counterparty', ...optionalText, 'error', 'payload'];

/** The body to send, or the field for which the event cannot be sent. Never throws. */
export function envoyRequestBody(data: Uint8Array): BuiltBody {
  const members = jsonMembers(data);
  const message = members === undefined ? undefined : parse(data);
  if (members === undefined || message === undefined) return refuseField('data');
  const repeated = once.find((key) => memberOf(members, key) === 'repeated');
  if (repeated !== undefined) return refuseField(repeated);
  const { transaction_id: id, timestamp, counterparty, payload } = message;
  if (typeof id !== 'string' || !uuid.test(id)) return refuseField('transaction_id');
  if (typeof timestamp !== 'string' || !rfc3339.test(timestamp)) return refuseField('timestamp');
  if (!isObject(counterparty)) return refuseField('counterparty');
  const notText = optionalText.find((key) => !['string', 'undefined'].includes(typeof (message[key] ?? undefined)));
  if (notText !== undefined) return refuseField(notText);
  const problem = messageProblem(message);
  if (problem !== undefined) return refuseField(problem.field);

  const absent = (key: string): boolean =>
    ['error', 'payload', 'hmac_signature', 'public_key_signature'].includes(key) && isEmptyValue(message[key]);
  return {
    ok: true,
    body: rebuilt(data, members, absent, ({ key, raw }) =>
      key === 'payload' && isObject(payload) ? payloadBody(raw, payload) : raw,
    ),
  };
}

/** What the headers repeat of a body, or undefined when it is none. Never throws. */
export function envoyRequestIds(body: Uint8Array): { readonly id: string; readonly timestamp: string } | undefined {
  const members = jsonMembers(body);
  if (members === undefined) return undefined;
  const text = (key: string): string => {
    const raw = memberOf(members, key);
    return raw === undefined || raw === 'repeated' ? '' : (jsonText(raw) ?? '');
  };
  const id = text('transaction_id');
  const timestamp = text('timestamp');
  return uuid.test(id) && rfc3339.test(timestamp) ? { id, timestamp } : undefined;
}

function payloadBody(raw: Uint8Array, payload: JsonObject): Uint8Array {
  const absent = (key: string): boolean => (key === 'pending' || key === 'transaction') && isEmptyValue(payload[key]);
  const members = jsonMembers(raw);
  return members === undefined ? raw : rebuilt(raw, members, absent, (member) => member.raw);
}

/** The object without its absent members; the very same bytes when nothing has to go. */
function rebuilt(
  json: Uint8Array,
  members: readonly JsonMember[],
  isAbsent: (key: string) => boolean,
  valueOf: (member: JsonMember) => Uint8Array,
): Uint8Array {
  const kept = members.filter(({ key }) => !isAbsent(key)).map((member) => ({ member, value: valueOf(member) }));
  if (kept.length === members.length && kept.every(({ member, value }) => member.raw === value)) return json;
  const parts: Uint8Array[] = [];
  for (const { member, value } of kept) {
    parts.push(Buffer.from(parts.length === 0 ? '{' : ','));
    // The key as it was spelled, with what stands between it and the value.
    parts.push(json.subarray(member.from, member.to - member.raw.length), value);
  }
  return Buffer.concat([...parts, Buffer.from(parts.length === 0 ? '{}' : '}')]);
}

function parse(data: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
