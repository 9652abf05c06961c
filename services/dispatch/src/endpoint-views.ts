// What planning sees of an endpoint: its record as it is now, and whether this version of it answered 410.

import type { EndpointId, EndpointIndex, EndpointView } from '@postrider/core/domain';

export class EndpointViews {
  readonly #endpoints: EndpointIndex;
  /** Endpoint versions that answered 410; a newer version clears it. */
  readonly #goneVersions = new Map<EndpointId, number>();

  constructor(endpoints: EndpointIndex) {
    this.#endpoints = endpoints;
  }

  of(endpointId: EndpointId): EndpointView {
    const endpoint = this.#endpoints.get(endpointId);
    if (!endpoint) return { kind: this.#endpoints.isDeleted(endpointId) ? 'deleted' : 'unknown' };
    const gone = this.#goneVersions.get(endpointId);
    return {
      kind: 'known',
      endpoint,
      disabledSince: gone !== undefined && gone >= endpoint.version ? 'this-version' : undefined,
    };
  }

  /** An endpoint version answered 410: told by our own attempts and by what was restored. False when it was known. */
  disable(endpointId: EndpointId, version: number): boolean {
    if (version <= (this.#goneVersions.get(endpointId) ?? 0)) return false;
    this.#goneVersions.set(endpointId, version);
    return true;
  }
}
