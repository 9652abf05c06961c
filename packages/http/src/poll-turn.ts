// "Not before everything that has arrived was read." A callback given here runs right after a poll phase of the event loop
// that began after it was given. One setImmediate is not enough: asked for in the poll phase, it fires at the end of that
// same phase, before anything that came in meanwhile is read.

export class PollTurn {
  #waiting: (() => void)[] = [];

  /** All that is given within one turn of the loop shares its two immediates. */
  afterNextPoll(callback: () => void): void {
    if (this.#waiting.push(callback) > 1) return;
    setImmediate(() => {
      const ready = this.#waiting;
      this.#waiting = [];
      setImmediate(() => {
        for (const run of ready) run();
      });
    });
  }
}
