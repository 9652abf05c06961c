// Verifies a webhook of the profile `pomelo`. Node's standard library only.
import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * `body`: the raw bytes. `secret`: api-key → api-secret (base64). `path`: path and query of this request, as in the request
 * line. `now`: unix seconds. `seen`: a Set, kept for 10 minutes.
 * Returns the body when the request is genuine, fresh and new, otherwise undefined.
 */
export function verify({ headers, body, secret, path, now, seen }) {
  const time = headers['x-timestamp'];
  const signature = headers['x-signature'];
  const apiSecret = Object.hasOwn(secret, headers['x-api-key'] ?? '') ? secret[headers['x-api-key']] : undefined;
  if (!apiSecret || !signature || !/^\d{1,12}$/.test(time ?? '')) return undefined;
  if (headers['x-endpoint'] !== path || !path.startsWith('/')) return undefined;
  if (Math.abs(now - Number(time)) > 300) return undefined;

  const hmac = createHmac('sha256', Buffer.from(apiSecret, 'base64'))
    .update(time + path)
    .update(body);
  const expected = Buffer.from(`hmac-sha256 ${hmac.digest('base64')}`);
  const given = Buffer.from(signature);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;

  // Every attempt has its own timestamp, so that the same signature twice is a replay.
  if (seen.has(signature)) return undefined;
  seen.add(signature);
  return body;
}
