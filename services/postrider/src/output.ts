// The one place that writes to the terminal. Data goes to stdout, everything else to stderr, so that any command can stand
// in a pipe. With `--json` stdout holds one JSON document, or one JSON line an item; a failure is one JSON line on stderr.

import { styleText } from 'node:util';

/** Where text goes; the real streams or a test's. */
export interface Sink {
  write(text: string): void;
  /** Resolves when what was written has gone out: a reader that is slow is waited for. */
  drained?(): Promise<void>;
  /** Colours are wanted and understood. */
  readonly colour: boolean;
}

export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'strong';

const styles = { good: 'green', bad: 'red', warn: 'yellow', dim: 'dim', strong: 'bold' } as const;

export class Output {
  readonly json: boolean;
  readonly #stdout: Sink;
  readonly #stderr: Sink;

  constructor(options: { json: boolean; stdout: Sink; stderr: Sink }) {
    this.json = options.json;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
  }

  /** One result: a JSON document, or text for a person. */
  document(value: unknown, text: () => string): void {
    this.#data(this.json ? JSON.stringify(value) : text());
  }

  /** A list: one JSON line an item, or a text of all for a person. */
  list<T>(
    items: readonly T[],
    text: (items: readonly T[]) => string,
    toJson: (item: T) => unknown = (item) => item,
  ): void {
    if (!this.json) return this.#data(text(items));
    for (const item of items) this.#data(JSON.stringify(toJson(item)));
  }

  /** A list of any length: one JSON line an item, with or without `--json`, as fast as the reader takes them. */
  async lines(items: readonly unknown[]): Promise<void> {
    if (items.length === 0) return;
    this.#stdout.write(items.map((item) => `${JSON.stringify(item)}\n`).join(''));
    await this.#stdout.drained?.();
  }

  /** Progress, warnings, hints: for a person, never data. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Why the command failed. */
  failure(failure: {
    readonly code: string;
    readonly exit: number;
    readonly message: string;
    readonly details?: readonly unknown[];
  }): void {
    const { details = [] } = failure;
    if (this.json) this.#stderr.write(`${JSON.stringify({ error: { ...failure, details } })}\n`);
    else this.#stderr.write(`${['postrider:', failure.message].join(' ')}\n`);
  }

  /** Colours a text that goes to stdout, where colours are wanted. */
  paint(tone: Tone, text: string): string {
    return this.#stdout.colour && !this.json ? styleText(styles[tone], text, { validateStream: false }) : text;
  }

  #data(text: string): void {
    if (text !== '') this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }
}
