// The endpoint table as a reader of `<env>.endpoints` keeps it: the last good version of each endpoint. A record that fails
// its schema changes nothing and is counted; deleted means that a tombstone was read.

import { EndpointIndex, type EndpointId } from '../domain/index.ts';
import { decodeEndpoint } from './endpoint-record.ts';

export type EndpointChange =
  | { readonly kind: 'put'; readonly endpointId: EndpointId }
  | { readonly kind: 'removed'; readonly endpointId: EndpointId }
  | { readonly kind: 'invalid'; readonly key: string; readonly problem: string };

export class EndpointTable {
  readonly index = new EndpointIndex();
  readonly #environment: string;

  /** @param environment records of another one are invalid here */
  constructor(environment: string) {
    this.#environment = environment;
  }

  /** Takes one record of the topic, in offset order. */
  apply(record: { readonly key: Buffer | null; readonly value: Buffer | null }): EndpointChange {
    const key = record.key?.toString('utf8') ?? '';
    if (key === '') return { kind: 'invalid', key, problem: 'no key' };
    if (record.value === null) {
      this.index.remove(key as EndpointId);
      return { kind: 'removed', endpointId: key as EndpointId };
    }
    const decoded = decodeEndpoint(record.value);
    if (!decoded.ok) return { kind: 'invalid', key, problem: decoded.problem };
    const endpoint = decoded.value;
    if (endpoint.endpointId !== key) return { kind: 'invalid', key, problem: `holds endpoint ${endpoint.endpointId}` };
    if (endpoint.environment !== this.#environment) {
      return { kind: 'invalid', key, problem: `belongs to environment ${endpoint.environment}` };
    }
    this.index.put(endpoint);
    return { kind: 'put', endpointId: endpoint.endpointId };
  }

  /** Endpoints that this reader was told of, each once, deleted ones included: a table without them was not read whole. */
  get known(): number {
    return this.index.size + this.index.deleted;
  }
}
