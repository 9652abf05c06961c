// What is wrong with a file that a person wrote: where (path and line) and why. All of it is gathered before anything is done.

import { didYouMean } from '@postrider/runtime';

export type FilePath = readonly (string | number)[];

export interface FileProblem {
  /** `endpoints[2].url`; empty for the file as a whole. */
  readonly path: string;
  /** 1-based, where the file's text is known. */
  readonly line: number | undefined;
  readonly message: string;
}

export type LineOf = (path: FilePath) => number | undefined;

/** Gathers problems. */
export class Problems {
  readonly found: FileProblem[] = [];
  readonly #lineOf: LineOf;

  constructor(lineOf: LineOf = () => undefined) {
    this.#lineOf = lineOf;
  }

  add(path: FilePath, message: string): void {
    this.found.push({ path: pathText(path), line: this.#lineOf(path), message });
  }

  /** Refuses keys that are not known: a misspelt one would be a silent default. */
  knownKeys(path: FilePath, value: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const near = didYouMean(key, known);
      this.add(
        [...path, key],
        `is not known${near === undefined ? `; known are: ${known.join(', ')}` : `; did you mean ${near}?`}`,
      );
    }
  }
}

export function pathText(path: FilePath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** One line a problem: `line 12: endpoints[2].url: must begin with https://`. */
export function problemText({ path, line, message }: FileProblem): string {
  return [line === undefined ? '' : `line ${line}`, path, message].filter((part) => part !== '').join(': ');
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
