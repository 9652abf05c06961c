// The signed checkpoints as a whole: which keys may sign, whether each signature holds, and whether the line of each
// partition is unbroken. What comes out is what the rows are compared with.
//
// A line may fork: at a fail-over the process that lost a partition may sign it once more, upon the checkpoint that the next owner
// signs upon too, and what it signed may come to the log later than what the next one did. Both speak of one chain, so a fork is
// sound as long as what is signed in all of its branches goes together; one that was made up cannot.

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
import { forksLookedBack } from './limits.ts';

/** All that is kept of a checkpoint: there are millions, since none is ever deleted. */
type Signed = SignedHead & { readonly topic: string; readonly partition: number; readonly atMs: number };

export class CheckpointBook {
  readonly #environment: string;
  readonly #keys = new Map<string, KeyObject>();
  readonly #pinned: boolean;
  readonly #problems: AuditProblem[] = [];
  readonly #last = new Map<string, Signed>();
  readonly #heads = new Map<string, Signed[]>();
  /** By digest. */
  readonly #known = new Map<string, Signed>();
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
    if (this.#known.has(digest)) return;
    this.#checkpoints += 1;
    const last = this.#last.get(place);
    const before = previous === null ? undefined : this.#known.get(previous);
    // Two may be the first, as two may follow one: what matters is that nothing between two of them is gone.
    if (previous !== null && (before === undefined || before.topic !== topic || before.partition !== partition)) {
      const what =
        last === undefined
          ? `the checkpoints of ${place} begin with one that follows another: those before offset ${offset} are missing`
          : `a checkpoint of ${place} between offsets ${last.offset} and ${offset} is missing`;
      this.#add('checkpoint-missing', { topic, partition, offset: last?.offset ?? 0 }, what);
    } else if (before !== undefined && (offset < before.offset || rows < before.rows)) {
      this.#add('checkpoint-contradicted', checkpoint, `${where} goes back behind the one before it`);
    } else {
      const other = this.#contradicting(checkpoint);
      if (other !== undefined) {
        const said = `${other.rows} rows and another hash up to offset ${other.offset}`;
        this.#add(
          'checkpoint-contradicted',
          checkpoint,
          `${where} is of another branch than one that was signed: ${said}`,
        );
      }
    }
    const signed = { topic, partition, offset, rows, head: checkpoint.head, atMs: Date.parse(checkpoint.at) };
    this.#known.set(digest, signed);
    if (last === undefined || last.offset <= offset) this.#last.set(place, signed);
    const heads = this.#heads.get(place) ?? [];
    heads.push(signed);
    this.#heads.set(place, heads);
  }

  /** One of the last that were signed of the partition, and cannot be of one chain with this. */
  #contradicting({ topic, partition, offset, rows, head }: AuditCheckpoint): SignedHead | undefined {
    const heads = this.#heads.get(`${topic}/${partition}`) ?? [];
    // They come nearly in order: what lies before the last one below has been compared with that.
    for (let index = heads.length - 1; index >= 0; index -= 1) {
      const other = heads[index]!;
      const [first, second] = other.offset < offset ? [other, { rows }] : [{ rows }, other];
      const sameRows = other.rows === rows;
      // Offsets may pass by what holds no record: then rows and hash stay as they are, both of them.
      if (first.rows > second.rows || sameRows !== (other.head === head) || (other.offset === offset && !sameRows))
        return other;
      if (other.offset < offset && index < heads.length - forksLookedBack) return undefined;
    }
    return undefined;
  }

  /** What was signed of a partition, in rising order. */
  signedHeads(topic: string, partition: number): readonly SignedHead[] {
    return (this.#heads.get(`${topic}/${partition}`) ?? []).toSorted((a, b) => a.offset - b.offset);
  }

  /** Offset up to which a partition was signed; 0: not at all. */
  signedTo(topic: string, partition: number): number {
    return this.#last.get(`${topic}/${partition}`)?.offset ?? 0;
  }

  /** Of each partition the last one that was signed before a moment. */
  headsBefore(moment: Date): readonly Signed[] {
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
