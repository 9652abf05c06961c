// What the folded tables must say, taken from the rows as they pass, and what they do say, as facts of a keyed sum. If nothing is
// left over, then counting anew in the server would find no difference either; if anything is, it is asked where.
//
//   of a row that counts        of a delivery, each (dispatch, round) once       of a daily count
//   settled   dispatch round attempt  =  a bit of `settled_attempts`
//   closed    dispatch round state reason time  =  the same, where it ended
//   attempted dispatch round    =  `attempts` times
//   open      dispatch round with attempts, none of which closes it  =  where it has not ended
//   counted   project endpoint day, by status and end                            =  so many times
//
//   of a delivery that is not delivered                                             of `delivery_open`
//   listed    dispatch round state, first seen                                   =  the same
//
// Since no delivery and no bit stands twice, no attempt of the rows is settled twice (so no copy is called a first), no round is
// closed twice, and none goes on behind its end. The dispatches in which the rows themselves speak of copies or of late records, and
// attempts that have no bit, are suspects: of those the server is asked.

import type { RowBytes } from '@postrider/postgres';
import { recordField as f } from '@postrider/postgres';
import { foldSuspectsMax } from './limits.ts';
import { KeyedSum, type SumKey, type SumParts } from './keyed-sum.ts';

const label = {
  dispatch: 1,
  reason: 2,
  project: 3,
  settled: 4,
  closed: 5,
  attempted: 6,
  open: 7,
  counted: 8,
  listed: 9,
} as const;
/** What is counted in a day, in the order of the columns. */
const countColumns = ['success', 'fail', 'error', 'delivered', 'dead'] as const;
const [success, fail, error, delivered, dead] = countColumns.map((_, index) => index) as [0, 1, 2, 3, 4];
/** Attempts that have a bit. */
const markedMax = 52;
const twoTo32 = 0x1_0000_0000;
const microsPerDay = 86_400_000_000;
/** Two texts of a column, at four bytes a character. */
const keyBytesMax = 4_200;

export interface FoldParts {
  readonly sum: SumParts;
  /** Dispatches of which the rows say that something in them does not count. */
  readonly suspects: readonly string[];
  /** Origins of which a trace is called a copy. */
  readonly copies: readonly string[];
  /** Records that have an identity of another kind than settling: whether one is a copy no sum tells. */
  readonly others: boolean;
  /** False: something that cannot be told here, or too many suspects. */
  readonly sure: boolean;
}

const ends: ReadonlySet<string> = new Set(['delivered', 'dead', 'suppressed']);
/** First letters, and what else tells words apart. */
const letter = { A: 0x41, D: 0x44, E: 0x45, F: 0x46, S: 0x53, d: 0x64, e: 0x65, r: 0x72 } as const;

/** The rows of one Kafka partition, in its order; only such whose columns were found to be those of their bytes. */
export class FoldRows {
  readonly #sum: KeyedSum;
  readonly #suspects = new Set<string>();
  readonly #copies = new Set<string>();
  /** Rounds with attempts that were not closed yet, by their fingerprint. */
  readonly #open = new Set<number>();
  #others = false;

  constructor(key: SumKey) {
    this.#sum = new KeyedSum(key);
  }

  take(row: RowBytes): void {
    const { buffer, starts, lengths } = row;
    const type = starts[f.type]!;
    switch (lengths[f.type]!) {
      // AttemptSettled, and not AttemptStarted or EventUnmatched
      case 14:
        if (buffer[type] === letter.E) return this.#trace(row);
        if (buffer[type] !== letter.A) return;
        if (buffer[type + 8] === letter.e) this.#fact(row, true);
        else this.#others = true;
        return;
      // DispatchEnded, and not EventAccepted or EventRejected
      case 13:
        if (buffer[type] === letter.D) this.#fact(row, false);
        else if (buffer[type] === letter.E) this.#trace(row);
        return;
      // DispatchDeferred
      case 16:
        if (buffer[type] === letter.D) this.#others = true;
        return;
    }
  }

  #fact(row: RowBytes, made: boolean): void {
    const { buffer, starts, lengths } = row;
    const sum = this.#sum;
    const isTrue = (column: number): boolean => buffer[starts[column]!] === 1;
    const attempt = buffer.readInt32BE(starts[f.attempt]);
    const duplicate = isTrue(f.duplicate);
    const late = isTrue(f.late);
    if (duplicate || late || attempt > markedMax) this.#suspect(row);
    if (duplicate) return;
    const from = starts[f.dispatch]!;
    sum.ofBytes(label.dispatch, buffer, { from, length: lengths[f.dispatch]! });
    sum.ofWords(label.dispatch, sum.low, sum.high, buffer.readInt32BE(starts[f.round]), 0);
    const { low, high } = sum;
    if (attempt <= markedMax) {
      sum.ofWords(label.settled, low, high, attempt, 0);
      sum.add();
    }
    if (late) return;
    if (made) {
      sum.ofWords(label.attempted, low, high, 0, 0);
      sum.add();
    }
    const round = openKey(low, high);
    const disposition = buffer[starts[f.disposition]!]!;
    if (disposition === letter.r) this.#open.add(round);
    else {
      if (this.#open.size > 0) this.#open.delete(round);
      const time = starts[f.recorded_at]!;
      closed(sum, { low, high }, row, { state: f.disposition, reason: f.reason, time });
      sum.add();
    }
    this.#count(row, made, disposition);
  }

  #count(row: RowBytes, made: boolean, disposition: number): void {
    const { buffer, starts, lengths } = row;
    const isDead = disposition === letter.d && lengths[f.disposition] === 'dead'.length;
    if (!made && !isDead) return;
    const sum = this.#sum;
    ofCounter(sum, row, { project: f.project, endpoint: f.endpoint });
    const { low, high } = sum;
    const day = Math.floor(micros(buffer, starts[f.recorded_at]!) / microsPerDay);
    if (made) {
      const status = buffer[starts[f.status]!];
      sum.ofWords(label.counted, low, high, day, status === letter.S ? success : status === letter.F ? fail : error);
      sum.add();
    }
    if (isDead || disposition === letter.d) {
      sum.ofWords(label.counted, low, high, day, isDead ? dead : delivered);
      sum.add();
    }
  }

  #suspect({ buffer, starts, lengths }: RowBytes): void {
    const from = starts[f.dispatch]!;
    if (this.#suspects.size <= foldSuspectsMax) {
      this.#suspects.add(buffer.toString('utf8', from, from + lengths[f.dispatch]!));
    }
  }

  /** Of an event, that it was accepted, unmatched or rejected. */
  #trace({ buffer, starts, lengths }: RowBytes): void {
    if (buffer[starts[f.duplicate]!] !== 1 || lengths[f.origin]! < 0 || this.#copies.size > foldSuspectsMax) return;
    const from = starts[f.origin]!;
    this.#copies.add(buffer.toString('utf8', from, from + lengths[f.origin]!));
  }

  /** After the last row. */
  finish(): FoldParts {
    const sum = this.#sum;
    for (const round of this.#open) {
      sum.ofWords(label.open, (round % twoTo32) | 0, Math.floor(round / twoTo32), 0, 0);
      sum.add();
    }
    return {
      sum: sum.parts(),
      suspects: [...this.#suspects],
      copies: [...this.#copies],
      others: this.#others,
      sure: this.#suspects.size <= foldSuspectsMax && this.#copies.size <= foldSuspectsMax,
    };
  }
}

/** The tables that are held against the rows, each in the order of its key. */
export class FoldTables {
  readonly #sum: KeyedSum;
  /** Keys of the row at hand and of the one before it. */
  #key = Buffer.alloc(keyBytesMax);
  #last = Buffer.alloc(keyBytesMax);
  #lastSize = 0;
  #sure = true;

  constructor(key: SumKey) {
    this.#sum = new KeyedSum(key);
  }

  addRows({ sum }: FoldParts): void {
    this.#sum.addParts(sum);
  }

  /** @returns true when nothing is left over */
  agree(): boolean {
    return this.#sure && this.#sum.isZero();
  }

  /** Before the first row of a table. */
  begin(): void {
    this.#lastSize = 0;
  }

  /** A row of `streamFolded` of `delivery`. */
  takeDelivery(row: RowBytes): void {
    const { buffer, starts, lengths } = row;
    this.#inOrder(row, [0], 1);
    const sum = this.#sum;
    sum.ofBytes(label.dispatch, buffer, { from: starts[0]!, length: lengths[0]! });
    sum.ofWords(label.dispatch, sum.low, sum.high, buffer.readInt32BE(starts[1]), 0);
    const { low, high } = sum;
    if (!isDelivered(row)) {
      listed(sum, { low, high }, row, starts[7]!);
      sum.take(1);
    }
    const attempts = buffer.readInt32BE(starts[4]);
    if (attempts < 0) this.#sure = false;
    else if (attempts > 0) {
      sum.ofWords(label.attempted, low, high, 0, 0);
      sum.take(attempts);
    }
    const hasEnded = ends.has(buffer.toString('latin1', starts[2], starts[2]! + lengths[2]!));
    if (hasEnded !== lengths[5]! >= 0) this.#sure = false;
    if (lengths[5]! >= 0) {
      closed(sum, { low, high }, row, { state: 2, reason: 3, time: starts[5]! });
      sum.take(1);
    } else if (attempts > 0) {
      const round = openKey(low, high);
      sum.ofWords(label.open, (round % twoTo32) | 0, Math.floor(round / twoTo32), 0, 0);
      sum.take(1);
    }
    if (lengths[6]! < 0) return;
    let marks = micros(buffer, starts[6]!);
    if (marks < 0 || marks >= 2 ** markedMax) this.#sure = false;
    for (let attempt = 1; marks >= 1 && attempt <= markedMax; attempt += 1) {
      if (marks % 2 === 1) {
        sum.ofWords(label.settled, low, high, attempt, 0);
        sum.take(1);
      }
      marks = Math.floor(marks / 2);
    }
  }

  /** A row of `streamFolded` of `delivery_open`. */
  takeOpen(row: RowBytes): void {
    const { buffer, starts, lengths } = row;
    this.#inOrder(row, [0], 1);
    const sum = this.#sum;
    sum.ofBytes(label.dispatch, buffer, { from: starts[0]!, length: lengths[0]! });
    sum.ofWords(label.dispatch, sum.low, sum.high, buffer.readInt32BE(starts[1]), 0);
    listed(sum, { low: sum.low, high: sum.high }, row, starts[3]!);
    sum.add();
  }

  /** A row of `streamFolded` of `daily_count`. */
  takeCount(row: RowBytes): void {
    const { buffer, starts } = row;
    this.#inOrder(row, [0, 1], 2);
    const sum = this.#sum;
    ofCounter(sum, row, { project: 0, endpoint: 1 });
    const { low, high } = sum;
    const day = buffer.readInt32BE(starts[2]);
    let counted = 0;
    for (let column = 0; column < countColumns.length; column += 1) {
      const times = micros(buffer, starts[3 + column]!);
      if (times < 0 || times > Number.MAX_SAFE_INTEGER) this.#sure = false;
      else if (times > 0) {
        sum.ofWords(label.counted, low, high, day, column);
        sum.take(times);
        counted += times;
      }
    }
    // Counting anew gives no row of nothing.
    if (counted === 0) this.#sure = false;
  }

  /** Rises from row to row: nothing stands twice, whatever became of the index that sees to it. */
  #inOrder({ buffer, starts, lengths }: RowBytes, texts: readonly number[], number: number): void {
    const key = this.#key;
    let size = 0;
    for (const field of texts) {
      const length = lengths[field]!;
      if (length < 0 || size + length + 5 > keyBytesMax) {
        this.#sure = false;
        return;
      }
      const from = starts[field]!;
      for (let index = 0; index < length; index += 1) key[size++] = buffer[from + index]!;
      // Ends a text: none holds it.
      key[size++] = 0;
    }
    // So that numbers below zero come first among bytes, too.
    size = key.writeInt32BE(buffer.readInt32BE(starts[number]) ^ 0x8000_0000, size);
    const last = this.#last;
    let at = 0;
    while (at < size && key[at] === last[at]) at += 1;
    if (this.#lastSize > 0 && (at === size || key[at]! < last[at]!)) this.#sure = false;
    this.#key = last;
    this.#last = key;
    this.#lastSize = size;
  }
}

/** Of 53 bits: a key of a set that makes no text. */
const openKey = (low: number, high: number): number => (high & 0x1f_ffff) * twoTo32 + (low >>> 0);

function ofCounter(
  sum: KeyedSum,
  { buffer, starts, lengths }: RowBytes,
  { project, endpoint }: { readonly project: number; readonly endpoint: number },
): void {
  sum.ofBytes(label.project, buffer, { from: starts[project]!, length: lengths[project]! });
  const { low, high } = sum;
  sum.ofBytes(label.project, buffer, { from: starts[endpoint]!, length: lengths[endpoint]! });
  sum.ofWords(label.project, low, high, sum.low, sum.high);
}

/** The fingerprint of how a round ended. */
function closed(
  sum: KeyedSum,
  round: SumParts,
  { buffer, starts, lengths }: RowBytes,
  fields: { readonly state: number; readonly reason: number; readonly time: number },
): void {
  const { state, reason, time } = fields;
  let { low, high } = round;
  // Null is told from every text by its label.
  if (lengths[reason]! >= 0) {
    sum.ofBytes(label.reason, buffer, { from: starts[reason]!, length: lengths[reason]! });
    sum.ofWords(label.reason, low, high, sum.low, sum.high);
    ({ low, high } = sum);
  }
  // `delivered`, `dead` and `suppressed`, which is all that a round can end in, by letter and length.
  const word = (buffer[starts[state]!]! << 8) | lengths[state]!;
  sum.ofWords(label.closed | (word << 8), low, high, buffer.readInt32BE(time), buffer.readInt32BE(time + 4));
}

const deliveredLength = 'delivered'.length;
/** Of the states `deferred` and `dead` begin with the same letter, and are shorter. */
const isDelivered = ({ buffer, starts, lengths }: RowBytes): boolean =>
  buffer[starts[2]!] === letter.d && lengths[2] === deliveredLength;

/** The fingerprint of where an undelivered one stands, of a row that has its state third. */
function listed(sum: KeyedSum, { low, high }: SumParts, { buffer, starts, lengths }: RowBytes, seenAt: number): void {
  sum.ofBytes(label.listed, buffer, { from: starts[2]!, length: lengths[2]! });
  sum.ofWords(label.listed, low, high, sum.low, sum.high);
  sum.ofWords(label.listed, sum.low, sum.high, buffer.readInt32BE(seenAt), buffer.readInt32BE(seenAt + 4));
}

/** An int64, exact up to 2^53. */
const micros = (buffer: Buffer, at: number): number => buffer.readInt32BE(at) * twoTo32 + buffer.readUInt32BE(at + 4);
