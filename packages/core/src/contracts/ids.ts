// Ids that are computed, and the shapes of ids that are given. Deterministic and free of personal data: the same event
// published twice gives the same dispatch ids.

import { createHash, hash } from 'node:crypto';
import type { AttemptId, DispatchId, EndpointId, EventId, Origin } from '../domain/index.ts';

const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 base32, lower case, no padding. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Alphabet[(held >> bits) & 31];
    }
  }
  return bits > 0 ? text + base32Alphabet[(held << (5 - bits)) & 31] : text;
}

export interface DispatchIdParts {
  readonly environment: string;
  readonly source: string;
  readonly eventId: EventId;
  readonly endpointId: EndpointId;
}

/** `dsp_` + base32 of the first 16 bytes of SHA-256(environment ‖ 0 ‖ source ‖ 0 ‖ event id ‖ 0 ‖ endpoint id). */
export function dispatchIdOf({ environment, source, eventId, endpointId }: DispatchIdParts): DispatchId {
  const digest = createHash('sha256').update(`${environment}\0${source}\0${eventId}\0${endpointId}`).digest();
  return `dsp_${base32(digest.subarray(0, 16))}` as DispatchId;
}

/** `<topic>/<partition>/<offset>` */
export function originOf(record: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}): Origin {
  return `${record.topic}/${record.partition}/${record.offset}` as Origin;
}

const attemptIdPattern = /^(dsp_[a-z2-7]{26})\.(0|[1-9]\d{0,8})\.([1-9]\d{0,8})$/;

/** Takes an attempt id apart; undefined when it is not one. */
export function parseAttemptId(
  text: string,
): { attemptId: AttemptId; dispatchId: DispatchId; round: number; attempt: number } | undefined {
  const match = attemptIdPattern.exec(text);
  if (!match) return undefined;
  return {
    attemptId: text as AttemptId,
    dispatchId: match[1] as DispatchId,
    round: Number(match[2]),
    attempt: Number(match[3]),
  };
}

/** Lower-case hex SHA-256, the form of every digest in the audit. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}
