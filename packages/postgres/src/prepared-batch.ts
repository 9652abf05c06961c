// What of an append follows from its rows and the hashes before them alone, made piece by piece while the server writes the
// append before: identities, links of the chains, the columns, and the fold when nothing has to be read for it. Whoever
// writes takes it only for the very rows, offsets and hashes that it was made of.
//
//   identities ─▶ links ─▶ columns ─▶ fold (unless a delivery is moved that an earlier append may have made)

import { chainStep } from '@postrider/core/contracts';
import type { AuditRow } from './audit-row.ts';
import { deliveryKey, foldBatch, identitiesOf, movedKeys, type FoldedBatch, type MovedKeys } from './fold-batch.ts';
import { identityKey } from './identity-key.ts';
import { rowsAtOnce } from './limits.ts';
import {
  encodeFolded,
  encodeIdentities,
  encodeRecords,
  type EncodedFold,
  type LaneMove,
  type LinkedRow,
  type Taken,
} from './write-statements.ts';

export interface AppendBatch {
  readonly environment: string;
  /** Full name, e.g. `live.attempts`. */
  readonly topic: string;
  readonly partition: number;
  /** Where the offset row must stand. */
  readonly expectedNext: number;
  /** Where it stands afterwards: above the last row's offset. */
  readonly next: number;
  /** In partition order. May be empty: then only the offset moves. */
  readonly rows: readonly AuditRow[];
}

/** A batch, and the hash that its offset row must hold. */
export type HeadedBatch = AppendBatch & { readonly expectedHead: string };

export interface Identity {
  readonly identity: string;
  readonly recordedMs: number;
  readonly key: string;
}

export interface Prepared {
  readonly environment: string;
  readonly lanes: readonly LaneMove[];
  /** Of all batches, one after the other. */
  readonly rows: readonly AuditRow[];
  /** In order of their keys. */
  readonly identities: readonly Identity[];
  readonly moved: MovedKeys;
  /** What is not looked for before the first try. */
  readonly taken: Taken;
  readonly encoded: { readonly records: readonly Buffer[]; readonly identities: readonly Buffer[] };
  /** With every identity taken for new, and deliveries as `taken` has them; undefined when something must be read before. */
  readonly folded: Folded | undefined;
}

export interface Folded {
  readonly batch: FoldedBatch;
  readonly encoded: EncodedFold;
}

export class PreparedBatch {
  readonly #of: readonly HeadedBatch[];
  readonly #work: Generator<void, Prepared>;
  #prepared: Prepared | undefined;

  /**
   * @param batches of one environment, each of another partition
   * @param bold whether deliveries are taken for new and for untouched that an earlier append may have made or moved out of turn
   */
  constructor(batches: readonly HeadedBatch[], bold: boolean) {
    this.#of = batches;
    this.#work = prepare(batches, bold);
  }

  /** Makes one more piece, most of them a fraction of a ms of work. @returns whether all are made. @throws PostgresError `data` */
  step(): boolean {
    if (this.#prepared !== undefined) return true;
    const { done, value } = this.#work.next();
    if (done === true) this.#prepared = value;
    return done === true;
  }

  /** What was made, after the rest of it. @throws PostgresError `data` */
  finish(): Prepared {
    while (!this.step());
    return this.#prepared!;
  }

  /** Whether this was made of the same: rows, places, offsets and hashes. */
  isOf(batches: readonly HeadedBatch[]): boolean {
    return batches.length === this.#of.length && batches.every((batch, index) => isSame(batch, this.#of[index]!));
  }
}

function isSame(a: HeadedBatch, b: HeadedBatch): boolean {
  return (
    a.environment === b.environment &&
    a.topic === b.topic &&
    a.partition === b.partition &&
    a.expectedNext === b.expectedNext &&
    a.expectedHead === b.expectedHead &&
    a.next === b.next &&
    a.rows.length === b.rows.length &&
    a.rows.every((row, index) => row === b.rows[index])
  );
}

function* prepare(batches: readonly HeadedBatch[], bold: boolean): Generator<void, Prepared> {
  const environment = batches[0]!.environment;
  const rows = batches.flatMap((batch) => batch.rows);
  const identities: Identity[] = [];
  for (const { identity, recordedMs } of identitiesOf(rows)) {
    identities.push({ identity, recordedMs, key: identityKey(environment, identity) });
    if (identities.length % rowsAtOnce === 0) yield;
  }
  identities.sort((a, b) => (a.key < b.key ? -1 : 1));
  const linked: LinkedRow[] = [];
  const lanes: LaneMove[] = [];
  for (const { topic, partition, expectedNext, expectedHead, next, rows: own } of batches) {
    const step = chainStep({ environment, topic, partition });
    let head = expectedHead;
    for (const row of own) {
      linked.push({ row, lane: lanes.length + 1, link: (head = step(head, row)) });
      if (linked.length % rowsAtOnce === 0) yield;
    }
    lanes.push({ topic, partition, expectedNext, expectedHead, next, head, rows: own.length });
  }
  const records: Buffer[] = [];
  for (const column of encodeRecords(linked)) {
    records.push(column);
    yield;
  }
  const encoded = { records, identities: encodeIdentities(identities) };
  const moved = movedKeys(rows, bold);
  const taken: Taken = {
    forNew: (each) => moved.fresh.has(deliveryKey(each)) || (bold && each.progress === undefined),
    forUntouched: (each) => moved.untouched.has(deliveryKey(each)),
  };
  const made = { environment, lanes, rows, identities, moved, taken, encoded };
  if (moved.toRead.length > 0) return { ...made, folded: undefined };
  yield;
  const batch = foldBatch(rows, new Set(identities.map(({ identity }) => identity)), new Map());
  yield;
  return { ...made, folded: { batch, encoded: encodeFolded(batch, taken) } };
}
