// What request and reply of an Envoy webhook have in common: exactly one of error and payload, an identity in a payload,
// pending or transaction. `null`, `{}` and objects of nothing but empty values count as absent, both ways: the vendor's
// language writes a missing object like that.

import { emptyDepthMax } from './limits.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** True for null, "", 0, false, and for arrays and objects that hold nothing else. */
export function isEmptyValue(value: unknown, depth = 0): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  if (typeof value !== 'object' || depth > emptyDepthMax) return false;
  return Object.values(value).every((inner) => isEmptyValue(inner, depth + 1));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is wrong with the part of a message that both directions share: the field at fault, and the reason in words. */
export interface MessageProblem {
  readonly field: string;
  readonly reason: string;
}

/** Checks error and payload of a parsed message. */
export function messageProblem(message: JsonObject): MessageProblem | undefined {
  for (const field of ['error', 'payload']) {
    const value = message[field];
    if (value !== undefined && value !== null && !isObject(value))
      return { field, reason: `${field} is not an object` };
  }
  const { error, payload } = message;
  if (!isEmptyValue(error) && !isEmptyValue(payload)) return { field: 'error', reason: 'has both error and payload' };
  if (isObject(error) && !isEmptyValue(error)) return errorProblem(error);
  if (isObject(payload) && !isEmptyValue(payload)) return payloadProblem(payload);
  return { field: 'payload', reason: 'has neither error nor payload' };
}

function errorProblem({ code, message, retry }: JsonObject): MessageProblem | undefined {
  const int32 = typeof code === 'number' && Number.isInteger(code) && Math.abs(code) <= 2 ** 31;
  if (code !== undefined && !int32) return { field: 'error', reason: 'error.code is not an int32' };
  if (message !== undefined && typeof message !== 'string')
    return { field: 'error', reason: 'error.message is not text' };
  if (retry !== undefined && typeof retry !== 'boolean')
    return { field: 'error', reason: 'error.retry is not a boolean' };
  return undefined;
}

function payloadProblem(payload: JsonObject): MessageProblem | undefined {
  for (const field of ['identity', 'pending', 'transaction']) {
    const value = payload[field];
    if (value !== undefined && value !== null && !isObject(value)) {
      return { field: `payload.${field}`, reason: `payload.${field} is not an object` };
    }
  }
  if (isEmptyValue(payload['identity'])) return { field: 'payload.identity', reason: 'payload has no identity' };
  const pending = !isEmptyValue(payload['pending']);
  const transaction = !isEmptyValue(payload['transaction']);
  if (pending && transaction) return { field: 'payload.pending', reason: 'payload has both pending and transaction' };
  if (!pending && !transaction) {
    return { field: 'payload.transaction', reason: 'payload has neither pending nor transaction' };
  }
  return undefined;
}
