// What planning sees of an endpoint: its record as it is now, and whether this version of it answered 410.

import { goneMarkOf, type AttemptsRecord } from '@postrider/core/contracts';
import {
  GoneVersions,
  type Endpoint,
  type EndpointId,
  type EndpointIndex,
  type EndpointView,
  type GoneMark,
} from '@postrider/core/domain';
import type { AttemptResult } from './send-attempt.ts';

export class EndpointViews {
  readonly #endpoints: EndpointIndex;
  readonly #gone = new GoneVersions();

  constructor(endpoints: EndpointIndex) {
    this.#endpoints = endpoints;
  }

  of(endpointId: EndpointId): EndpointView {
    const endpoint = this.#endpoints.get(endpointId);
    if (!endpoint) return { kind: this.#endpoints.isDeleted(endpointId) ? 'deleted' : 'unknown' };
    const disabledSince = this.#gone.sinceMs(endpoint) === undefined ? undefined : 'this-version';
    return { kind: 'known', endpoint, disabledSince };
  }

  /**
   * Takes what came of an attempt that was no call: of a call 410 is the answer, and says nothing of the next one. True when it disables
   * the endpoint, and that was not known.
   */
  answered(endpoint: Endpoint, { outcome, startedAtMs }: Pick<AttemptResult, 'outcome' | 'startedAtMs'>): boolean {
    const { kind, httpStatus } = outcome;
    return kind === 'http-status' && httpStatus === 410 && this.note(goneMark(endpoint, startedAtMs));
  }

  /** Takes a record that was read back. The mark that its writer may not have written, when it disables the endpoint, and that was not known. */
  learn(record: AttemptsRecord): GoneMark | undefined {
    const mark = goneMarkOf(record);
    return mark && this.note(mark) ? mark : undefined;
  }

  /** True when it disables the endpoint as its record is now, and that was not known. */
  note(mark: GoneMark): boolean {
    const endpoint = this.#endpoints.get(mark.endpointId);
    const was = endpoint && this.#gone.sinceMs(endpoint);
    this.#gone.note(mark);
    return endpoint !== undefined && was === undefined && this.#gone.sinceMs(endpoint) !== undefined;
  }
}

/** The endpoint answered 410 to a request that began then. Its record may be from a clock that is ahead of ours. */
export function goneMark({ endpointId, version, updatedAt }: Endpoint, startedAtMs: number): GoneMark {
  return { endpointId, version, atMs: Math.max(startedAtMs, Date.parse(updatedAt)) };
}
