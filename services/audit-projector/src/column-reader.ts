// Takes fields out of a decoded record as columns can hold them. What a column cannot hold is replaced, cut or left out, and
// said: the record's bytes stand beside it, so nothing is lost and nothing stops.

import { columnTextMax, problemsTold } from './limits.ts';

/** The last moment that is written with four digits of the year, epoch ms. */
const momentMax = 253_402_300_799_999;
const int4Max = 2_147_483_647;

export class ColumnReader {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #problems: string[];

  constructor(record: object, problems: string[] = []) {
    this.#record = record as Record<string, unknown>;
    this.#problems = problems;
  }

  /** Text that PostgreSQL takes, at most `max` characters; null when absent or not text. */
  text(name: string, max: number = columnTextMax): string | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') return this.#refuse(name, 'is not text');
    const storable = value.isWellFormed() && !value.includes('\0');
    if (storable && value.length <= max) return value;
    const clean = value.toWellFormed().replaceAll('\0', '\uFFFD');
    if (!storable) this.#problems.push(`${name} holds characters that a column cannot`);
    if (clean.length <= max) return clean;
    this.#problems.push(`${name} is cut at ${max} characters`);
    return clean.slice(0, max).toWellFormed();
  }

  /** One of these words; null otherwise. */
  word<const W extends string>(name: string, words: readonly W[]): W | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    return words.find((word) => word === value) ?? this.#refuse(name, `is none of ${words.join(', ')}`);
  }

  /** A whole number from 0 to `max`, by default PostgreSQL's largest integer. */
  integer(name: string, max: number = int4Max): number | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max
      ? value
      : this.#refuse(name, 'is out of range');
  }

  number(name: string): number | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#refuse(name, 'is no number');
  }

  boolean(name: string): boolean | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    return typeof value === 'boolean' ? value : this.#refuse(name, 'is neither true nor false');
  }

  /** Epoch ms from ISO 8601 text. */
  moment(name: string): number | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return ms >= 0 && ms <= momentMax ? ms : this.#refuse(name, 'is no time');
  }

  /** Epoch ms from a number. */
  epochMs(name: string): number | null {
    return this.integer(name, momentMax);
  }

  /** The reader of an object within; null when there is none. */
  within(name: string): ColumnReader | null {
    const value = this.#record[name];
    if (value === undefined || value === null) return null;
    return typeof value === 'object' ? new ColumnReader(value, this.#problems) : this.#refuse(name, 'is no object');
  }

  /** Readers of the objects of a list; null when it is none. */
  list(name: string): ColumnReader[] | null {
    const value = this.#record[name];
    if (!Array.isArray(value)) return null;
    const objects = value.filter((each): each is object => typeof each === 'object' && each !== null);
    return objects.length === value.length ? objects.map((each) => new ColumnReader(each, this.#problems)) : null;
  }

  /** What could not be taken as it stands; null when everything could. */
  problem(): string | null {
    if (this.#problems.length === 0) return null;
    const more = this.#problems.length - problemsTold;
    return this.#problems.slice(0, problemsTold).join('; ') + (more > 0 ? `; ${more} more` : '');
  }

  #refuse(name: string, why: string): null {
    this.#problems.push(`${name} ${why}`);
    return null;
  }
}
