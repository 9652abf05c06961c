// What a rule of the checker says: how much it looked at, and what it found wrong.

/** The promises of the delivery design by number; 7: how processes behave, 8: the reader rule's flags. */
export type PromiseNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export interface Violation {
  readonly promise: PromiseNumber;
  /** Short and fixed, to be searched for and tested by. */
  readonly rule: string;
  readonly about: string;
}

export class Findings {
  readonly violations: Violation[] = [];
  readonly checked = new Map<PromiseNumber, number>();
  /** Figures that are no promise, by name. */
  readonly figures: Record<string, number> = {};

  count(promise: PromiseNumber, n = 1): void {
    this.checked.set(promise, (this.checked.get(promise) ?? 0) + n);
  }

  violate(promise: PromiseNumber, rule: string, about: string): void {
    this.violations.push({ promise, rule, about });
  }
}
