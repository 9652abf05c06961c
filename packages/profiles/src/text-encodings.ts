// Strict readings of base64, base64url and hex. Node's own skip what they do not know, and a key that was half read signs.

const strictBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const strictBase64Url = /^[A-Za-z0-9_-]*$/;
const strictHex = /^(?:[0-9A-Fa-f]{2})*$/;

/** Bytes of base64 with padding, or undefined. */
export function fromBase64(text: string): Buffer | undefined {
  return strictBase64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** Bytes of base64url without padding, in its one canonical spelling, or undefined. */
export function fromBase64Url(text: string): Buffer | undefined {
  if (!strictBase64Url.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Bytes of hexadecimal digits in pairs, or undefined. */
export function fromHex(text: string): Buffer | undefined {
  return strictHex.test(text) ? Buffer.from(text, 'hex') : undefined;
}
