// What is left of a record whose project's class was let go of before its day: a stub, which says where the record stood and what
// the chain came to after it. The stubs of one closing (a day of a Kafka partition, one class) are bound to its `ClassClosed` by a
// digest that runs over them in order of their offsets, so that none can be changed, taken away or added. The digest up to each
// stands beside it: the first one that is wrong can be named.
//
//   start = SHA-256(label ‖ text(environment) ‖ text(topic) ‖ int32 partition ‖ text(day) ‖ text(class))
//   next  = SHA-256(digest ‖ int64 offset ‖ int64 recorded ms ‖ text(origin) ‖ text(project) ‖ bytes(previous) ‖ chain)
//
// Written as in audit-chain.ts: -1 is the length of what there is none of. `previous` and `chain` are the hashes before and after the
// record, 32 bytes each: without the one before, whoever writes the rows in front of a stub anew would not be found.

import { hash } from 'node:crypto';
import type { ChainPlace } from './audit-chain.ts';

/** Whose stubs. */
export interface StubClosing extends ChainPlace {
  /** UTC day of the records, `YYYY-MM-DD`. */
  readonly day: string;
  readonly class: string;
}

export interface Stub {
  readonly offset: number;
  /** The broker's time of the record, epoch ms. */
  readonly recordedMs: number;
  /** `topic/partition/offset` of the upstream record, of the first record that says what became of it; otherwise null. */
  readonly origin: string | null;
  readonly project: string;
  /** The hash before the record, null when nothing stood before it any more: 64 lower-case hexadecimal digits. */
  readonly previous: string | null;
  /** The hash after it. */
  readonly chain: string;
}

const label = Buffer.from('postrider audit stubs v1\0', 'latin1');

function prefixed(value: string | null, encoding: 'utf8' | 'hex'): Buffer {
  const bytes = Buffer.from(value ?? '', encoding);
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(value === null ? -1 : bytes.length, 0);
  return Buffer.concat([length, bytes]);
}

/** The digest before the first stub. */
export function stubDigestStart({ environment, topic, partition, day, class: name }: StubClosing): string {
  const number = Buffer.allocUnsafe(4);
  number.writeInt32BE(partition, 0);
  const text = (value: string): Buffer => prefixed(value, 'utf8');
  const parts = [label, text(environment), text(topic), number, text(day), text(name)];
  return hash('sha256', Buffer.concat(parts), 'hex');
}

/** The digest after a stub, from the one before it: 64 lower-case hexadecimal digits. */
export function stubDigestNext(digest: string, { offset, recordedMs, origin, project, previous, chain }: Stub): string {
  const numbers = Buffer.allocUnsafe(16);
  numbers.writeBigInt64BE(BigInt(offset), 0);
  numbers.writeBigInt64BE(BigInt(recordedMs), 8);
  const parts = [Buffer.from(digest, 'hex'), numbers, prefixed(origin, 'utf8'), prefixed(project, 'utf8')];
  return hash('sha256', Buffer.concat([...parts, prefixed(previous, 'hex'), Buffer.from(chain, 'hex')]), 'hex');
}
