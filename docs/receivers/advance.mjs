// Verifies a webhook of the profile `advance` in its default form: HMAC-SHA256 over the raw body. Node's standard library
// only.
import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * `body`: the raw bytes; parsed and written again, a number above 2^53 is another one. `now`: unix seconds. `seen`: a Set,
 * kept for 10 minutes. Returns the body when the request is genuine, fresh and new, otherwise undefined (answer 401).
 */
export function verify({ headers, body, secret, now, seen }) {
  const time = headers['aai-timestamp'];
  const nonce = headers['aai-nonce'];
  const signature = headers['aai-signature'];
  if (!time || !nonce || !signature || !/^\d{1,15}$/.test(time)) return undefined;
  if (Math.abs(now - Number(time) / 1000) > 300) return undefined;

  const expected = Buffer.from(createHmac('sha256', secret).update(body).digest('base64'));
  const given = Buffer.from(signature);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;

  if (seen.has(nonce)) return undefined;
  seen.add(nonce);
  return body;
}
