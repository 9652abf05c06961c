// Whether work may be begun: a process that stood still for a while must not send what another one sends now. What is under way
// already needs no leave, since the first settlement in the log is followed whoever wrote it.

import type { Lease } from '@postrider/kafka';

export class Ownership {
  readonly #lease: Lease;
  readonly #onCertain: () => void;
  #asking = false;

  /** @param onCertain called after `isCertain` said no, when the coordinator has said what is still ours */
  constructor(lease: Lease, onCertain: () => void) {
    this.#lease = lease;
    this.#onCertain = onCertain;
  }

  isCertain(): boolean {
    if (this.#lease.holds()) return true;
    if (!this.#asking) {
      this.#asking = true;
      void this.#lease.heard().then(() => {
        this.#asking = false;
        this.#onCertain();
      });
    }
    return false;
  }

  /** Resolves when it is certain again; a partition that was lost meanwhile says so itself. */
  async certain(): Promise<void> {
    if (!this.#lease.holds()) await this.#lease.heard();
  }
}
