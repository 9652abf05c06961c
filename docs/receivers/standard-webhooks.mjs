// Verifies a webhook of the profile `standard-webhooks` (v1: whsec_ secrets, v1a: whpk_ keys). Node's standard library only.
import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from 'node:crypto';

/**
 * `body`: the raw bytes. `secret`: whsec_… or whpk_…. `now`: unix seconds. `seen`: a Set, kept for 10 minutes.
 * Returns the body when the request is genuine, fresh and new, otherwise undefined.
 */
export function verify({ headers, body, secret, now, seen }) {
  const id = headers['webhook-id'];
  const time = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (!id || !time || !signatures || !/^\d{1,12}$/.test(time)) return undefined;
  if (Math.abs(now - Number(time)) > 300) return undefined;
  const signed = Buffer.concat([Buffer.from(`${id}.${time}.`), body]);
  const matches = secret.startsWith('whpk_') ? asymmetric : symmetric;
  const key = Buffer.from(secret.slice(secret.indexOf('_') + 1), 'base64');
  if (!signatures.split(' ').some((part) => matches(part, signed, key))) return undefined;
  // An attempt is taken once. A retry has the same id and another timestamp: do the work of an id once.
  if (seen.has(`${id}.${time}`)) return undefined;
  seen.add(`${id}.${time}`);
  return body;
}

function symmetric(part, signed, key) {
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  const given = Buffer.from(part);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function asymmetric(part, signed, raw) {
  const signature = Buffer.from(part.slice(4), 'base64');
  if (`v1a,${signature.toString('base64')}` !== part) return false;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  return verifySignature(null, signed, key, signature);
}
