// How far a long command is, in one line of the terminal that is written over. Where nobody sits, nothing is written.

import type { CliIo } from './cli-io.ts';
import { progressPaintMs } from './audit/limits.ts';

export class ProgressLine {
  readonly #io: Pick<CliIo, 'stderr' | 'interactive' | 'clock'>;
  readonly #shown: boolean;
  #paintedMs = Number.NEGATIVE_INFINITY;
  readonly #startedMs: number;

  /** @param quiet nothing is shown, as with `--json` */
  constructor(io: Pick<CliIo, 'stderr' | 'interactive' | 'clock'>, quiet: boolean) {
    this.#io = io;
    this.#shown = io.interactive && !quiet;
    this.#startedMs = io.clock.monotonic();
  }

  /** `412,000 rows of 1,000,000, 41 %, 103,000 a second, 6 s to go`; `of` 0: how many there are is not known. */
  count(done: number, of: number, what: string): void {
    const seconds = Math.max(0.001, (this.#io.clock.monotonic() - this.#startedMs) / 1_000);
    const rate = done / seconds;
    const parts = [`${grouped(done)} ${what}${of > 0 ? ` of ${grouped(of)}, ${Math.floor((100 * done) / of)} %` : ''}`];
    parts.push(`${grouped(Math.round(rate))} a second`);
    if (of > done && rate > 0) parts.push(`${Math.ceil((of - done) / rate)} s to go`);
    this.say(parts.join(', '));
  }

  say(text: string): void {
    const now = this.#io.clock.monotonic();
    if (!this.#shown || now - this.#paintedMs < progressPaintMs) return;
    this.#paintedMs = now;
    this.#io.stderr.write(`\r\u001b[K${text}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown && this.#paintedMs > Number.NEGATIVE_INFINITY) this.#io.stderr.write('\r\u001b[K');
  }
}

/** `1,234,567`. */
export const grouped = (count: number): string => count.toLocaleString('en-US');
