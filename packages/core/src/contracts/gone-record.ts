// `<env>.gone`: the endpoint versions that answered 410, compacted, one record a version, for as long as the topic is there. It is read
// whole: the log of attempts says the same, but nobody reads all of that.

import type { EndpointId, GoneMark } from '../domain/index.ts';
import type { AttemptSettled, AttemptsRecord } from './audit-record.ts';
import type { TopicNames } from './topics.ts';

/** The record of a mark. Its key names the version, so that whoever is late writes over nothing. */
export function goneRecord({ endpointId, version, atMs }: GoneMark, { gone: topic }: Pick<TopicNames, 'gone'>) {
  const value = Buffer.from(JSON.stringify({ endpoint: endpointId, version, at: new Date(atMs).toISOString() }));
  return { topic, partition: 0, key: `${endpointId}/${version}`, value };
}

/** Reads a mark; undefined when it is none. */
export function decodeGone(value: Uint8Array | null): GoneMark | undefined {
  if (value === null) return undefined;
  try {
    const parsed = Object(JSON.parse(Buffer.from(value).toString('utf8'))) as Readonly<Record<string, unknown>>;
    const { endpoint, version, at } = parsed;
    const atMs = Date.parse(String(at));
    if (typeof endpoint !== 'string' || !Number.isSafeInteger(version) || Number.isNaN(atMs)) return undefined;
    return { endpointId: endpoint as EndpointId, version: version as number, atMs };
  } catch {
    return undefined;
  }
}

/** What a record of `attempts` says of it; undefined: nothing. */
export function goneMarkOf(record: AttemptsRecord): GoneMark | undefined {
  // Whoever settled the attempt may have died before it could write what that means for the endpoint.
  if (record.type === 'AttemptSettled' && saysGone(record))
    return { endpointId: record.endpoint, version: record.endpointVersion, atMs: Date.parse(record.startedAt) };
  if (record.type === 'EndpointDisabled')
    return { endpointId: record.endpoint, version: record.endpointVersion, atMs: Date.parse(record.at) };
  return undefined;
}

/** Not of a call: there 410 is the answer. */
function saysGone({ disposition }: AttemptSettled): boolean {
  return disposition.kind === 'dead' && disposition.reason === 'gone';
}
