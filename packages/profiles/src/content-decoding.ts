// A response body as its sender meant it: decompressed within a bound, so that a few kilobytes cannot become gigabytes.

import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

export type DecodedContent =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: string };

/** Undoes one content coding (identity, gzip, deflate, br). More than `bytesMax` bytes are never made. Never throws. */
export function decodeContent(bytes: Uint8Array, encoding: string | undefined, bytesMax: number): DecodedContent {
  const tooLarge: DecodedContent = { ok: false, reason: `is larger than ${bytesMax} bytes` };
  if (bytes.length > bytesMax) return tooLarge;
  const options = { maxOutputLength: bytesMax };
  try {
    switch (encoding?.trim().toLowerCase() ?? '') {
      case '':
      case 'identity':
        return { ok: true, bytes };
      case 'gzip':
      case 'x-gzip':
        return { ok: true, bytes: gunzipSync(bytes, options) };
      case 'deflate':
        // RFC 9110 means the zlib format; some servers send the bare one, whose first bytes are no zlib header.
        return { ok: true, bytes: hasZlibHeader(bytes) ? inflateSync(bytes, options) : inflateRawSync(bytes, options) };
      case 'br':
        return { ok: true, bytes: brotliDecompressSync(bytes, options) };
      default:
        return { ok: false, reason: 'has a content encoding that was not asked for' };
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge : { ok: false, reason: 'cannot be decompressed' };
  }
}

function hasZlibHeader(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
}
