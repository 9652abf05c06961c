// The topics that events come from belong to other teams, and come and go. One that is deleted, not made yet or not allowed stops
// nobody else's events: it is told until it is there, and read from then on.

export interface EventTopicsDeps {
  readonly names: readonly string[];
  /** All that this user may know of. */
  readonly list: () => Promise<readonly string[]>;
  /** Told when they change, with what mends it. */
  readonly onAbsent: (message: string) => void;
}

export class EventTopics {
  readonly #deps: EventTopicsDeps;
  #absent: readonly string[] = [];

  constructor(deps: EventTopicsDeps) {
    this.#deps = deps;
  }

  /** Rejects with KafkaError when nobody answers; what was known stands. */
  async look(): Promise<void> {
    const { names, list, onAbsent } = this.#deps;
    const there = new Set(await list());
    const before = this.#absent;
    this.#absent = names.filter((name) => !there.has(name));
    if (this.#absent.some((name) => !before.includes(name))) onAbsent(this.reasons().join('; '));
  }

  /** Why convergence does not do all that it should. */
  reasons(): readonly string[] {
    if (this.#absent.length === 0) return [];
    return [
      `not reading ${this.#absent.join(', ')}: not there, or not allowed to this user; create it, or take it out of ` +
        '`convergence.eventTopics` and `convergence.mappings`',
    ];
  }
}
