// The reply of an Envoy webhook: status 200 and UTF-8 JSON {transaction_id, error xor payload, transfer_action}.

import { decodeContent } from './content-decoding.ts';
import { isEmptyValue, isObject, messageProblem, type JsonObject } from './envoy-message.ts';
import { jsonMembers, memberOf } from './json-members.ts';
import { replyBytesMax } from './limits.ts';
import type { ProfileOptions, Refusal } from './profile.ts';
import type { CheckedReply } from './reply-rule.ts';

const actions = ['PENDING', 'REVIEW', 'REPAIR', 'ACCEPTED', 'REJECTED', 'COMPLETED'];
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface EnvoyReplyInput {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** The body as it came. */
  readonly bytes: Uint8Array;
  readonly request: { readonly transactionId: string };
  /** `any2xx`, `reply: strict | lenient`. */
  readonly options?: ProfileOptions | undefined;
  /** Bytes after decompression. */
  readonly bytesMax?: number | undefined;
}

/**
 * Checks a reply. The reason is exact and quotes nothing of it. Strict (the default): the action must be there and fit what
 * the reply holds. Lenient: a missing action is inferred as the vendor does. Never throws.
 */
export function checkReply(input: EnvoyReplyInput): { readonly ok: true; readonly reply: CheckedReply } | Refusal {
  const { status, options = {}, bytesMax = replyBytesMax } = input;
  const expected = options['any2xx'] === true ? status >= 200 && status <= 299 : status === 200;
  if (!expected) return refuse(`status ${status}`);
  if (status === 204) return refuse('status 204 has no reply');
  if (!isJson(input.contentType)) return refuse('content type is not application/json');
  const decoded = decodeContent(input.bytes, input.contentEncoding, bytesMax);
  if (!decoded.ok) return refuse(`reply ${decoded.reason}`);
  if (decoded.bytes.length === 0) return refuse('reply is empty');
  const parsed = parse(decoded.bytes);
  if (!parsed.ok) return parsed;
  const { json, message } = parsed;
  const id = message['transaction_id'];
  if (typeof id !== 'string' || id === '') return refuse('transaction_id is missing');
  if (id.toLowerCase() !== input.request.transactionId.toLowerCase()) return refuse('transaction_id does not match');
  const problem = messageProblem(message);
  if (problem !== undefined) return refuse(`reply: ${problem.reason}`);
  const given = message['transfer_action'];
  if (given !== undefined && given !== null && typeof given !== 'string') return refuse('transfer_action is not text');
  const action = given ?? '';
  const strict = options['reply'] !== 'lenient';
  if (action === '') {
    if (strict) return refuse('transfer_action is missing');
    return { ok: true, reply: { transactionId: id, transferAction: inferredAction(message), json } };
  }
  if (!actions.includes(action)) return refuse('transfer_action is not known');
  const mismatch = strict ? actionProblem(action, message) : undefined;
  if (mismatch !== undefined) return refuse(mismatch);
  return { ok: true, reply: { transactionId: id, transferAction: action, json } };
}

function isJson(contentType: string | undefined): boolean {
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
  if (type !== 'application/json') return false;
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset);
}

function parse(
  bytes: Uint8Array,
): { readonly ok: true; readonly json: string; readonly message: JsonObject } | Refusal {
  let json: string;
  try {
    json = utf8.decode(bytes);
  } catch {
    return refuse('reply is not UTF-8');
  }
  let message: unknown;
  try {
    message = JSON.parse(json);
  } catch {
    return refuse('reply is not JSON');
  }
  if (!isObject(message)) return refuse('reply is not an object');
  const members = jsonMembers(bytes) ?? [];
  const fields = ['transaction_id', 'error', 'payload', 'transfer_action'];
  const repeated = fields.find((key) => memberOf(members, key) === 'repeated');
  return repeated === undefined ? { ok: true, json, message } : refuse(`reply has ${repeated} twice`);
}

/** Why an action does not fit what the reply holds, or undefined. */
function actionProblem(action: string, { error, payload }: JsonObject): string | undefined {
  const holds = (field: string): boolean => isObject(payload) && !isEmptyValue(payload[field]);
  switch (action) {
    case 'PENDING':
      return holds('pending') ? undefined : 'PENDING needs payload.pending';
    case 'REPAIR':
      return isObject(error) && error['retry'] === true ? undefined : 'REPAIR needs error.retry = true';
    case 'REJECTED':
      // The vendor's own type leaves a false value out.
      return isObject(error) && !isEmptyValue(error) && error['retry'] !== true
        ? undefined
        : 'REJECTED needs error.retry = false';
    default:
      return holds('transaction') ? undefined : `${action} needs payload.transaction`;
  }
}

function inferredAction({ error, payload }: JsonObject): string {
  if (isObject(error) && !isEmptyValue(error)) return error['retry'] === true ? 'REPAIR' : 'REJECTED';
  return isObject(payload) && !isEmptyValue(payload['transaction']) ? 'REVIEW' : 'PENDING';
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}
