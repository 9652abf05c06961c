// How deep JSON nests, without building it: what a parser of a receiver would have to recurse.

/** Nesting of an event's JSON: receivers' parsers are recursive more often than not. The publisher refuses more, and convergence rejects it. */
export const jsonDepthMax = 128;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** True when brackets outside of texts nest deeper than `depthMax`. The bytes are UTF-8. */
export function nestsDeeperThan(json: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  let isText = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (isText) {
      if (byte === backslash) i += 1;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1;
  }
  return false;
}
