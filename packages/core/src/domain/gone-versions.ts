// Which versions of endpoints answered 410: nothing more is sent to them. A mark holds for the version that it names, as far as its
// record is not younger than the answer: an id that was deleted and is used again may count its versions from one.

import type { EndpointId } from './brand.ts';
import type { Endpoint } from './endpoint.ts';

export interface GoneMark {
  readonly endpointId: EndpointId;
  readonly version: number;
  /** When the request that was answered 410 began, and no earlier than the record of the endpoint that it went to; epoch ms. */
  readonly atMs: number;
}

export class GoneVersions {
  readonly #byId = new Map<EndpointId, Map<number, number>>();

  note({ endpointId, version, atMs }: GoneMark): void {
    const versions = this.#byId.get(endpointId) ?? new Map<number, number>();
    this.#byId.set(endpointId, versions.set(version, Math.max(atMs, versions.get(version) ?? atMs)));
  }

  /** Since when the endpoint as its record stands is gone, epoch ms; undefined when it is not. */
  sinceMs({
    endpointId,
    version,
    updatedAt,
  }: Pick<Endpoint, 'endpointId' | 'version' | 'updatedAt'>): number | undefined {
    const versions = this.#byId.get(endpointId);
    if (!versions) return undefined;
    const madeMs = Date.parse(updatedAt);
    // A mark of a newer version: whoever reads the endpoints is behind.
    const found = [...versions].filter(([gone, atMs]) => gone >= version && atMs >= madeMs).map(([, atMs]) => atMs);
    return found.length === 0 ? undefined : Math.min(...found);
  }
}
