// The signed checkpoints as a whole: which keys may sign, whether each signature holds, and whether the line of each
// partition is unbroken. What comes out is what the rows are compared with.

import type { KeyObject } from 'node:crypto';
import {
  checkpointDigest,
  checkpointKeyId,
  decodeCheckpoint,
  introducedKey,
  verifyCheckpoint,
  type AuditCheckpoint,
  type CheckpointKeyIntroduced,
} from '@postrider/core/contracts';
import type { AuditProblem } from './audit-problem.ts';
import type { SignedHead } from './chain-check.ts';

export class CheckpointBook {
  readonly #environment: string;
  readonly #keys = new Map<string, KeyObject>();
  readonly #pinned: boolean;
  readonly #problems: AuditProblem[] = [];
  readonly #last = new Map<string, AuditCheckpoint>();
  readonly #heads = new Map<
    string,
    (SignedHead & { readonly topic: string; readonly partition: number; readonly atMs: number })[]
  >();
  readonly #digests = new Set<string>();
  #checkpoints = 0;

  /** @param publicKeys known from elsewhere; without one the first key that introduces itself is believed */
  constructor(environment: string, publicKeys: readonly KeyObject[]) {
    this.#environment = environment;
    this.#pinned = publicKeys.length > 0;
    for (const key of publicKeys) this.#keys.set(checkpointKeyId(key), key);
  }

  /** Lines in the order in which they were written. `where` names the line, for messages. */
  take(line: Uint8Array | null, where: string): void {
    const decoded = decodeCheckpoint(line);
    if (!decoded.ok) return this.#add('checkpoint-unreadable', null, `${where} cannot be read: ${decoded.problem}`);
    const record = decoded.value;
    if (record.environment !== this.#environment) return;
    if (record.type === 'Checkpoint') this.#takeCheckpoint(record, where);
    else this.#takeKey(record, where);
  }

  #takeKey(record: CheckpointKeyIntroduced, where: string): void {
    const key = introducedKey(record);
    if (key === undefined) return this.#add('checkpoint-unreadable', null, `${where} introduces no Ed25519 key`);
    const id = checkpointKeyId(key);
    const selfSigned = record.keyId === id;
    const signer =
      this.#keys.get(record.keyId) ?? (selfSigned && !this.#pinned && this.#keys.size === 0 ? key : undefined);
    if (signer === undefined || !verifyCheckpoint(record, signer)) {
      return this.#add('checkpoint-forged', null, `${where} introduces the key ${id}, signed by none that is known`);
    }
    this.#keys.set(id, key);
  }

  #takeCheckpoint(checkpoint: AuditCheckpoint, where: string): void {
    const { topic, partition, offset, rows, previous } = checkpoint;
    const place = `${topic}/${partition}`;
    const signer = this.#keys.get(checkpoint.keyId);
    if (signer === undefined || !verifyCheckpoint(checkpoint, signer)) {
      const why = signer === undefined ? `is signed by an unknown key, ${checkpoint.keyId}` : 'has a wrong signature';
      return this.#add('checkpoint-forged', checkpoint, `${where} ${why}`);
    }
    const digest = checkpointDigest(checkpoint);
    // The producer may have written it twice.
    if (this.#digests.has(digest)) return;
    this.#checkpoints += 1;
    const last = this.#last.get(place);
    // Two writers may follow one checkpoint, in a fail-over: what matters is that nothing between two of them is gone.
    if (last === undefined ? previous !== null : previous === null || !this.#digests.has(previous)) {
      const what =
        last === undefined
          ? `the checkpoints of ${place} begin with one that follows another: those before offset ${offset} are missing`
          : `a checkpoint of ${place} between offsets ${last.offset} and ${offset} is missing`;
      this.#add('checkpoint-missing', { topic, partition, offset: last?.offset ?? 0 }, what);
    } else if (last !== undefined && (offset < last.offset || rows < last.rows)) {
      this.#add('checkpoint-contradicted', checkpoint, `${where} goes back behind the one before it`);
    }
    this.#digests.add(digest);
    this.#last.set(place, checkpoint);
    const heads = this.#heads.get(place) ?? [];
    heads.push({ topic, partition, offset, rows, head: checkpoint.head, atMs: Date.parse(checkpoint.at) });
    this.#heads.set(place, heads);
  }

  /** What was signed of a partition, in rising order. */
  signedHeads(topic: string, partition: number): readonly SignedHead[] {
    return (this.#heads.get(`${topic}/${partition}`) ?? []).toSorted((a, b) => a.offset - b.offset);
  }

  /** Of each partition the last one that was signed before a moment. */
  headsBefore(moment: Date): readonly (SignedHead & { readonly topic: string; readonly partition: number })[] {
    return [...this.#heads.values()].flatMap((heads) => {
      const before = heads.filter(({ atMs }) => atMs < moment.getTime());
      return before.toSorted((a, b) => b.offset - a.offset).slice(0, 1);
    });
  }

  places(): readonly { readonly topic: string; readonly partition: number }[] {
    return [...this.#last.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  get checkpoints(): number {
    return this.#checkpoints;
  }

  /** Ids of the keys that may sign. */
  keyIds(): string[] {
    return [...this.#keys.keys()];
  }

  problems(): readonly AuditProblem[] {
    return this.#problems;
  }

  #add(
    kind: AuditProblem['kind'],
    at: { readonly topic: string; readonly partition: number; readonly offset: number } | null,
    what: string,
  ): void {
    this.#problems.push({
      kind,
      topic: at?.topic ?? null,
      partition: at?.partition ?? null,
      offset: at?.offset ?? null,
      what,
    });
  }
}
