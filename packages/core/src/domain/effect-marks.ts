// Where a next owner must begin to read this stage's own output back: for each consumed record whose effect was written, how
// far the output log stood just before. A record that is not committed yet may have its effect in the log; every such effect
// stands at or after the lowest mark.

interface EffectMark {
  /** Of the consumed record. */
  readonly offset: number;
  /** Offset in the output log that the effect cannot be below. */
  readonly outputFrom: number;
}

export class EffectMarks {
  #marks: EffectMark[] = [];

  /** Notes an effect before it is written, or one that was found written. */
  note(offset: number, outputFrom: number): void {
    this.#marks.push({ offset, outputFrom });
  }

  /**
   * The offset in the output log that covers every effect of records at or after `watermark`; `outputNext`, its end as known
   * now, when none of them has an effect yet. Forgets what lies below the watermark.
   */
  restoreStart(watermark: number, outputNext: number): number {
    this.#marks = this.#marks.filter(({ offset }) => offset >= watermark);
    return this.#marks.reduce((lowest, { outputFrom }) => Math.min(lowest, outputFrom), outputNext);
  }
}
