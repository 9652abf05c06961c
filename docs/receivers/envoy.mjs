// Verifies a webhook of the profile `envoy`: an HMAC token over two headers, not over the body. Node's standard library only.
import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * `secret`: key id → 64 hex digits. `now`: unix seconds. `seen`: a Set, kept for 10 minutes.
 * Returns the body when the request is genuine, fresh and new, otherwise undefined (answer 401).
 */
export function verify({ headers, body, secret, now, seen }) {
  const token = headers['authorization'] ?? '';
  const sig = /^HMAC .*?\bsig=([\w-]{43})\s*(?:,|$)/.exec(token)?.[1];
  const nonce = /[ ,]nonce=([\w-]{22,})\s*(?:,|$)/.exec(token)?.[1];
  const kid = /[ ,]kid=([^,=]+?)\s*(?:,|$)/.exec(token)?.[1];
  // The list ends where the next part begins: some write it with commas.
  const list = /[ ,]headers=([^=]+?)(?:,\s*\w+=|$)/.exec(token)?.[1] ?? '';
  const names = list.split(/[;,]/).map((name) => name.trim());
  if (!sig || !nonce || !kid || !Object.hasOwn(secret, kid)) return undefined;
  if (!['x-transfer-id', 'x-transfer-timestamp'].every((name) => names.includes(name))) return undefined;

  const hmac = createHmac('sha256', Buffer.from(secret[kid], 'hex')).update(Buffer.from(nonce, 'base64url'));
  for (const name of names) hmac.update(headers[name] ?? '');
  if (!timingSafeEqual(Buffer.from(hmac.digest('base64url')), Buffer.from(sig))) return undefined;

  if (!(Math.abs(now - Date.parse(headers['x-transfer-timestamp']) / 1000) <= 300)) return undefined;
  try {
    if (JSON.parse(body).transaction_id !== headers['x-transfer-id']) return undefined;
  } catch {
    return undefined;
  }
  if (seen.has(nonce)) return undefined;
  seen.add(nonce);
  return body;
}
