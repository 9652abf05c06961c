// Recomputes the chain of one partition row by row and says what is wrong where. A row that does not follow the one before
// it is reported, and the check goes on from the hash that stands in it: one altered row is one problem, not a million.

import { chainStart, chainStep, type ChainedRecord, type ChainPlace, type ChainStep } from '@postrider/core/contracts';
import type { AuditProblem } from './audit-problem.ts';
import { brokenRowsCompared } from './limits.ts';

/** A row with the hash that stands in it. */
export interface LinkedRecord extends ChainedRecord {
  /** 64 lower-case hexadecimal digits. */
  readonly chain: string;
}

/** What is left of a row that was dropped, with the hashes before and after it. */
export interface LinkedStub {
  readonly offset: number;
  /** Null: nothing stood before it any more. */
  readonly previous: string | null;
  readonly chain: string;
}

/** What the chain came to before the first row that still stands. */
export interface ChainBase {
  /** Offset of the first record that is not in it. */
  readonly offset: number;
  readonly rows: number;
  readonly head: string;
}

/** The offset row of a partition as the tables hold it. */
export interface OffsetRow extends ChainBase {}

/** What was signed at an offset, in rising order. */
export type SignedHead = ChainBase;

export interface ChainStart {
  /** Where the rows begin; undefined: at the beginning of the log. */
  readonly base?: ChainBase | undefined;
  /** Of this partition, in order of their offsets. */
  readonly signed: readonly SignedHead[];
  /** False: the base is a row somewhere in the middle, and only hashes can be compared. */
  readonly whole?: boolean;
  /** The tables were made from a checkpoint on: the first row may follow one. */
  readonly beginsAtSigned?: boolean;
}

interface BrokenRow {
  readonly before: string;
  readonly record: LinkedRecord;
}

export class ChainCheck {
  readonly #place: ChainPlace;
  readonly #step: ChainStep;
  readonly #signed: readonly SignedHead[];
  readonly #problems: AuditProblem[] = [];
  /** Rows that do not follow, copied, to see whether they stand in each other's place. */
  readonly #broken: BrokenRow[] = [];
  /** As the rows tell it, and before the last row. */
  #head: string;
  #headBefore: string;
  #lastOffset: number;
  /** Offset of the last row that only a stub is left of. */
  #lastStub: number | undefined;
  /** Rows before this offset are known to come to what a stub followed. */
  #boundTo: number;
  /** Something stood already. */
  #begun = false;
  #rows: number;
  /** Index of the next signed head to compare with, and the offset up to which the last one agreed. */
  #nextSigned = 0;
  #agreedTo: number;
  #contradicted = false;
  /** The rows were recomputed from the beginning, so their number can be compared. */
  readonly #whole: boolean;
  #beginsAtSigned: boolean;

  constructor(place: ChainPlace, { base, signed, whole = true, beginsAtSigned = false }: ChainStart) {
    this.#place = place;
    this.#step = chainStep(place);
    const from = base ?? { offset: 0, rows: 0, head: chainStart(place) };
    this.#head = this.#headBefore = from.head;
    this.#lastOffset = from.offset - 1;
    this.#rows = from.rows;
    this.#agreedTo = this.#boundTo = from.offset;
    // What was signed before the base cannot be compared any more.
    this.#signed = signed.filter(({ offset }) => offset >= from.offset);
    this.#whole = whole;
    this.#beginsAtSigned = beginsAtSigned;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @returns true when the row follows the one before it */
  take(record: LinkedRecord): boolean {
    if (this.#beginsAtSigned) this.#beginAtSigned(record);
    if (record.offset === this.#lastStub) {
      this.#reportBeside(record.offset);
      return this.#step(this.#headBefore, record) === record.chain;
    }
    this.#compareSignedTo(record.offset);
    // A broker counts milliseconds: of a fraction the hash says nothing, so there is none.
    const follows = Number.isInteger(record.recordedMs) && this.#step(this.#head, record) === record.chain;
    if (!follows) this.#reportBroken(record);
    this.#begun = true;
    this.#rows += 1;
    this.#headBefore = this.#head;
    this.#head = record.chain;
    this.#lastOffset = record.offset;
    return follows;
  }

  /** What is left of a row that was dropped: it follows what stands before it, and the chain goes on from its hash. */
  pass({ offset, previous, chain }: LinkedStub): void {
    if (offset === this.#lastOffset) return this.#reportBeside(offset);
    // The last that was signed before it, if what it followed is not known.
    if (this.#beginsAtSigned) {
      const signed = this.#signed.findLastIndex(
        (each) => each.offset <= offset && (previous ?? each.head) === each.head,
      );
      this.#beginAt(signed);
    }
    this.#beginsAtSigned = false;
    this.#compareSignedTo(offset);
    // The first that stands may have been dropped when the days before it were gone already.
    const follows = previous === this.#head || (previous === null && !this.#begun);
    if (!follows) this.#reportBefore(offset);
    this.#begun = true;
    this.#rows += 1;
    this.#headBefore = this.#head;
    this.#head = chain;
    this.#lastOffset = this.#lastStub = offset;
    this.#boundTo = offset + 1;
  }

  /** The rows in front of a stub, since the last one, come to another hash than it followed. */
  #reportBefore(offset: number): void {
    if (offset > this.#lastOffset + 1) return this.#addGap(offset);
    const from = Math.max(this.#boundTo, this.#agreedTo);
    const what = `the rows before offset ${offset} do not come to the hash that what is left there followed`;
    this.#add('row-altered', from, `${what}; the first bad row is at or after offset ${from}`);
  }

  /** Whatever is missing between the last row and this offset. */
  #addGap(offset: number): void {
    const missing = offset - this.#lastOffset - 1;
    this.#add(
      'row-missing',
      this.#lastOffset + 1,
      `${missing === 1 ? 'a row is' : `up to ${missing} rows are`} missing before offset ${offset}`,
    );
  }

  #reportBeside(offset: number): void {
    this.#add('stub-inserted', offset, `the row at offset ${offset} stands beside what is left of it`);
  }

  #compareSignedTo(offset: number): void {
    while (this.#nextSigned < this.#signed.length && this.#signed[this.#nextSigned]!.offset <= offset) {
      this.#compareSigned(this.#signed[this.#nextSigned++]!);
    }
  }

  /** The first row: it may follow what was signed, where nothing before it is kept. */
  #beginAtSigned(record: LinkedRecord): void {
    this.#beginsAtSigned = false;
    const at = this.#signed.findLastIndex(
      ({ offset, head }) => offset <= record.offset && this.#step(head, record) === record.chain,
    );
    this.#beginAt(at);
  }

  /** @param at index among what was signed; -1: nothing fits */
  #beginAt(at: number): void {
    if (at < 0) return;
    const { offset, rows, head } = this.#signed[at]!;
    this.#head = this.#headBefore = head;
    this.#rows = rows;
    this.#lastOffset = offset - 1;
    this.#agreedTo = offset;
    this.#nextSigned = at + 1;
  }

  #reportBroken(record: LinkedRecord): void {
    const { offset } = record;
    const gap = offset > this.#lastOffset + 1;
    if (this.#rows > 0 && this.#step(this.#headBefore, record) === record.chain) {
      const at = this.#lastOffset;
      const known = this.#problems.findLastIndex(({ offset: bad }) => bad === at);
      if (known >= 0) this.#problems.splice(known, 1);
      this.#add('row-inserted', at, `the row at offset ${at} was inserted: the chain goes past it`);
    } else if (offset === this.#lastOffset) {
      this.#add('row-inserted', offset, `a second row stands at offset ${offset}`);
    } else if (gap) {
      this.#addGap(offset);
    } else {
      this.#add('row-altered', offset, `the row at offset ${offset} is not what was hashed`);
    }
    if (this.#broken.length < brokenRowsCompared) {
      const { key, value, recordedMs, chain } = record;
      this.#broken.push({
        before: this.#head,
        record: { offset, recordedMs, chain, key: key && Buffer.from(key), value: value && Buffer.from(value) },
      });
    }
  }

  #compareSigned({ offset, rows, head }: SignedHead): void {
    // Rows that are known to be missing, altered or too many explain another number or hash by themselves.
    const explained = this.#problems.some(({ offset: bad }) => bad !== null && bad < offset && bad >= this.#agreedTo);
    if (head === this.#head && (rows === this.#rows || !this.#whole || this.#problems.length > 0)) {
      this.#agreedTo = offset;
      return;
    }
    // One of them is enough: all later ones differ too.
    if (explained || this.#contradicted) return;
    this.#contradicted = true;
    const what =
      head === this.#head
        ? `${rows} rows were signed up to offset ${offset}, ${this.#rows} stand`
        : `the rows up to offset ${offset} do not come to the hash that was signed`;
    this.#add(
      'checkpoint-contradicted',
      this.#agreedTo,
      `${what}; the first bad row is at or after offset ${this.#agreedTo}`,
    );
  }

  /** @param offsetRow undefined: not looked at, because only a part was read */
  finish(offsetRow: OffsetRow | undefined): AuditProblem[] {
    const end = this.#lastOffset + 1;
    if (offsetRow !== undefined) this.#compareOffsetRow(offsetRow, end);
    const reached = Math.max(end, offsetRow?.offset ?? end);
    for (const signed of this.#signed.slice(this.#nextSigned)) {
      if (signed.offset <= reached) this.#compareSigned(signed);
      else if (offsetRow !== undefined) {
        this.#add(
          'behind-checkpoint',
          end,
          `the tables end at offset ${reached}, but up to ${signed.offset} was signed: this is an older state of them`,
        );
        break;
      }
    }
    return this.#withReordered();
  }

  #compareOffsetRow({ offset, rows, head }: OffsetRow, end: number): void {
    if (end > offset) {
      this.#add('row-inserted', offset, `rows stand at and after offset ${offset}, where the tables should end`);
    } else if (head !== this.#head || (this.#whole && rows !== this.#rows)) {
      const missing = this.#whole ? this.#rows < rows : end < offset;
      if (missing && !this.#problems.some(({ kind }) => kind === 'row-missing')) {
        const what = this.#whole ? `${rows - this.#rows} of ${rows} rows` : 'rows';
        this.#add('row-missing', end, `${what} are missing at the end, from offset ${end} on`);
      } else {
        const come = this.#whole ? `${this.#rows} and another hash` : 'another hash';
        const what = `the offset row tells ${rows} rows up to offset ${offset}, the rows come to ${come}`;
        this.#add('offset-row-differs', end, what);
      }
    }
  }

  /** Rows that would follow if they stood in each other's place are said to be reordered. */
  #withReordered(): AuditProblem[] {
    const moved = new Set<number>();
    for (const [index, { before, record }] of this.#broken.entries()) {
      for (const other of this.#broken.slice(index + 1)) {
        const { key, value, recordedMs, chain } = other.record;
        const rightful = this.#step(before, { offset: record.offset, key, value, recordedMs });
        if (rightful === record.chain || rightful === chain) moved.add(record.offset).add(other.record.offset);
      }
    }
    if (moved.size === 0) return this.#problems;
    const first = Math.min(...moved);
    const offsets = [...moved].sort((a, b) => a - b);
    const swapped: AuditProblem = {
      ...this.#at(first),
      kind: 'rows-reordered',
      what: `the rows at offsets ${offsets.join(', ')} stand in each other's place`,
    };
    // The row after a moved one does not follow it either: a consequence, not a problem of its own.
    const others = this.#problems.filter(
      ({ kind, offset }) => kind !== 'row-altered' || offset === null || !(moved.has(offset) || moved.has(offset - 1)),
    );
    return [swapped, ...others];
  }

  #add(kind: AuditProblem['kind'], offset: number, what: string): void {
    this.#problems.push({ ...this.#at(offset), kind, what });
  }

  #at(offset: number): Pick<AuditProblem, 'topic' | 'partition' | 'offset'> {
    const { topic, partition } = this.#place;
    return { topic, partition, offset };
  }
}
