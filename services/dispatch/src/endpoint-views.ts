// What planning sees of an endpoint: its record as it is now, and whether this version of it answered 410.

import type { AttemptsRecord } from '@postrider/core/contracts';
import type { Disposition, Endpoint, EndpointId, EndpointIndex, EndpointView, Outcome } from '@postrider/core/domain';

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

  /**
   * Takes what came of an attempt that was no call: of a call 410 is the answer, and says nothing of the next one. True when it disables
   * the endpoint, and that was not known.
   */
  answered({ endpointId, version }: Endpoint, { kind, httpStatus }: Pick<Outcome, 'kind' | 'httpStatus'>): boolean {
    return kind === 'http-status' && httpStatus === 410 && this.#disable(endpointId, version);
  }

  /** Takes a record that was read back. Whoever settled the attempt may have died before it could write what that means for the endpoint. */
  learn(record: AttemptsRecord): void {
    if (record.type === 'EndpointDisabled' || (record.type === 'AttemptSettled' && saysGone(record.disposition)))
      this.#disable(record.endpoint, record.endpointVersion);
  }

  /** False when it was known. */
  #disable(endpointId: EndpointId, version: number): boolean {
    if (version <= (this.#goneVersions.get(endpointId) ?? 0)) return false;
    this.#goneVersions.set(endpointId, version);
    return true;
  }
}

function saysGone(disposition: Disposition): boolean {
  return disposition.kind === 'dead' && disposition.reason === 'gone';
}
