// Verifies a webhook of the profile `envoy` (HMAC token). Node's standard library only. The token does not cover the body.
import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * `secret`: key id → 64 hex digits. `now`: unix seconds. `seen`: a Set, kept for 10 minutes.
 * Returns the body when the request is genuine, fresh and new, otherwise undefined (answer 401).
 */
export function verify({ headers, body, secret, now, seen }) {
  const token = headers['authorization'] ?? '';
  if (!token.startsWith('HMAC ')) return undefined;
  const parts = {};
  let last;
  for (const part of token.slice(5).split(',')) {
    const equals = part.indexOf('=');
    if (equals >= 0) parts[(last = part.slice(0, equals).trim())] = part.slice(equals + 1).trim();
    else if (last === 'headers') parts.headers += `;${part}`; // some write the list with commas
  }
  if (![parts.sig, parts.nonce].every((text) => /^[A-Za-z0-9_-]+$/.test(text ?? ''))) return undefined;
  const names = (parts.headers ?? '')
    .split(';')
    .map((name) => name.trim())
    .filter(Boolean);
  if (!['x-transfer-id', 'x-transfer-timestamp'].every((name) => names.includes(name))) return undefined;
  if (!Object.hasOwn(secret, parts.kid ?? '')) return undefined;

  const hmac = createHmac('sha256', Buffer.from(secret[parts.kid], 'hex')).update(
    Buffer.from(parts.nonce, 'base64url'),
  );
  for (const name of names) hmac.update(headers[name] ?? '');
  const expected = hmac.digest();
  const given = Buffer.from(parts.sig, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  if (!(Math.abs(now - Date.parse(headers['x-transfer-timestamp']) / 1000) <= 300)) return undefined;
  if (transferOf(body) !== headers['x-transfer-id'] || seen.has(parts.nonce)) return undefined;
  seen.add(parts.nonce);
  return body;
}

function transferOf(body) {
  try {
    return JSON.parse(body).transaction_id;
  } catch {
    return undefined;
  }
}
