// What can be wrong with the audit, in words that a script can branch on, and where it is.

/**
 * - `row-altered`: the hash in the row is not that of its bytes after the row before.
 * - `row-missing`: rows between two that stand, or at the end, are not there.
 * - `row-inserted`: a row that the chain knows nothing of.
 * - `rows-reordered`: two or more rows stand in each other's place.
 * - `stub-altered`: what is left of a record that was dropped with its class is not what the closing record sealed.
 * - `stub-missing`: less is left than the closing record says.
 * - `stub-inserted`: something is said to be left of a record that no closing record dropped, or whose row stands beside it.
 * - `columns-differ`: the bytes are those that were hashed, but the columns beside them say something else.
 * - `excerpt-differs`: the kept beginning of an answer is not the one whose digest the record holds.
 * - `offset-row-differs`: how far the tables are, as they say it themselves, is not what their rows come to.
 * - `checkpoint-contradicted`: the rows agree with each other, but not with what was signed: all of it was written anew.
 * - `behind-checkpoint`: the tables end before what was signed: an older state of them.
 * - `checkpoint-missing`, `checkpoint-forged`, `checkpoint-unreadable`: the line of checkpoints itself is broken.
 * - `closing-unsigned`: records are gone behind a closing record that is not in what was signed.
 * - `kafka-differs`: the row is not the record that Kafka holds at its place.
 * - `count-differs`: a daily count is not what counting again gives.
 * - `delivery-differs`: where a delivery stands is not what its records come to.
 * - `flag-differs`: a row is called a copy and is none, or the other way round.
 */
export const problemKinds = [
  'row-altered',
  'row-missing',
  'row-inserted',
  'rows-reordered',
  'stub-altered',
  'stub-missing',
  'stub-inserted',
  'columns-differ',
  'excerpt-differs',
  'offset-row-differs',
  'checkpoint-contradicted',
  'behind-checkpoint',
  'checkpoint-missing',
  'checkpoint-forged',
  'checkpoint-unreadable',
  'closing-unsigned',
  'kafka-differs',
  'count-differs',
  'delivery-differs',
  'flag-differs',
] as const;

export type ProblemKind = (typeof problemKinds)[number];

export interface AuditProblem {
  readonly kind: ProblemKind;
  /** Null where it is not a matter of one place. */
  readonly topic: string | null;
  readonly partition: number | null;
  /** The first bad row. */
  readonly offset: number | null;
  /** One sentence for a person. */
  readonly what: string;
}

/** Gathers problems: all are counted, so many of each kind are kept. */
export class ProblemList {
  readonly #keptMax: number;
  readonly #kept: AuditProblem[] = [];
  readonly #counts = new Map<ProblemKind, number>();

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  add(...problems: readonly AuditProblem[]): void {
    for (const problem of problems) {
      const count = (this.#counts.get(problem.kind) ?? 0) + 1;
      this.#counts.set(problem.kind, count);
      if (count <= this.#keptMax) this.#kept.push(problem);
    }
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  kept(): readonly AuditProblem[] {
    return this.#kept;
  }

  counts(): Readonly<Partial<Record<ProblemKind, number>>> {
    return Object.fromEntries(this.#counts);
  }
}
