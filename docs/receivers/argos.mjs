// Opens a webhook of the profile `argos` with encryption `gcm`, or reads a plain one. Node's standard library only.
import { createDecipheriv, createHash } from 'node:crypto';

/**
 * `secret`: the project's API key; null where no encryption was agreed on (then the header or the address must tell who
 * sent it). `now`: unix seconds. `seen`: a Set, kept for a day.
 * Returns the plain body when it can be opened and is fresh and new, otherwise undefined.
 */
export function verify({ headers, body, secret, now, seen }) {
  // What was agreed on counts, not what the header says: or anybody could send plain text.
  if (headers['x-webhook-encrypted'] !== String(secret !== null)) return undefined;
  const sealed = Buffer.from(body.toString('latin1'), 'base64');
  if (secret !== null && (sealed.length < 28 || sealed.toString('base64') !== body.toString('latin1')))
    return undefined;
  try {
    const plain = secret === null ? body : open(sealed, createHash('sha256').update(secret).digest());
    const age = now - Date.parse(JSON.parse(plain).timestamp) / 1000;
    if (!(age <= 86_400 && age >= -300)) return undefined;
    const iv = sealed.subarray(0, 12).toString('base64');
    if (secret !== null && seen.has(iv)) return undefined;
    if (secret !== null) seen.add(iv);
    return plain;
  } catch {
    return undefined;
  }
}

function open(sealed, key) {
  // Without authTagLength a tag of 4 bytes would pass.
  const gcm = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
  gcm.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([gcm.update(sealed.subarray(12, -16)), gcm.final()]);
}
