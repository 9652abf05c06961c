// Who must be told: endpoints of the event's project whose event types take it. An index by project and type keeps the cost
// of one event independent of how many endpoints there are.

import type { EndpointId, ProjectId } from './brand.ts';
import type { Endpoint } from './endpoint.ts';

/** `*` takes everything, `a.b.*` takes `a.b.c` and `a.b.c.d` but not `a.b`; anything else is compared whole. */
export function typeMatches(pattern: string, eventType: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? eventType.startsWith(pattern.slice(0, -1)) : pattern === eventType;
}

interface ProjectIndex {
  readonly exact: Map<string, Set<Endpoint>>;
  readonly patterns: Map<Endpoint, string[]>;
}

/** All endpoints of one environment, kept current record by record. */
export class EndpointIndex {
  readonly #byId = new Map<EndpointId, Endpoint>();
  readonly #deleted = new Set<EndpointId>();
  readonly #byProject = new Map<ProjectId, ProjectIndex>();

  /** Takes a new or changed endpoint. */
  put(endpoint: Endpoint): void {
    this.#unindex(endpoint.endpointId);
    this.#deleted.delete(endpoint.endpointId);
    this.#byId.set(endpoint.endpointId, endpoint);
    const index: ProjectIndex = this.#byProject.get(endpoint.projectId) ?? { exact: new Map(), patterns: new Map() };
    this.#byProject.set(endpoint.projectId, index);
    const patterns: string[] = [];
    for (const type of endpoint.eventTypes) {
      if (type === '*' || type.endsWith('.*')) {
        patterns.push(type);
        continue;
      }
      const takers = index.exact.get(type) ?? new Set<Endpoint>();
      index.exact.set(type, takers.add(endpoint));
    }
    if (patterns.length > 0) index.patterns.set(endpoint, patterns);
  }

  /** Takes a tombstone. */
  remove(endpointId: EndpointId): void {
    this.#unindex(endpointId);
    this.#byId.delete(endpointId);
    this.#deleted.add(endpointId);
  }

  get(endpointId: EndpointId): Endpoint | undefined {
    return this.#byId.get(endpointId);
  }

  /** True when a tombstone was read for it and nothing since. */
  isDeleted(endpointId: EndpointId): boolean {
    return this.#deleted.has(endpointId);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** How many ids have a tombstone as their last record. */
  get deleted(): number {
    return this.#deleted.size;
  }

  all(): Iterable<Endpoint> {
    return this.#byId.values();
  }

  /**
   * Endpoints that must be told of an event, in a stable order (by id). A paused endpoint matches: its dispatches wait. A
   * disabled one does not.
   */
  match(event: { readonly projectId: ProjectId; readonly type: string }): Endpoint[] {
    const index = this.#byProject.get(event.projectId);
    if (!index) return [];
    const found = new Set(index.exact.get(event.type));
    for (const [endpoint, patterns] of index.patterns) {
      if (patterns.some((pattern) => typeMatches(pattern, event.type))) found.add(endpoint);
    }
    const matches = [...found].filter((endpoint) => endpoint.status.kind !== 'disabled');
    return matches.length < 2 ? matches : matches.sort((a, b) => (a.endpointId < b.endpointId ? -1 : 1));
  }

  #unindex(endpointId: EndpointId): void {
    const previous = this.#byId.get(endpointId);
    if (!previous) return;
    const index = this.#byProject.get(previous.projectId);
    if (!index) return;
    index.patterns.delete(previous);
    for (const type of previous.eventTypes) {
      const takers = index.exact.get(type);
      takers?.delete(previous);
      if (takers?.size === 0) index.exact.delete(type);
    }
    if (index.exact.size === 0 && index.patterns.size === 0) this.#byProject.delete(previous.projectId);
  }
}
