// An identity as sixteen bytes, unique over the environments of a database. Events of one upstream partition get keys that
// rise with their offsets, so that the index of a busy log grows at its end instead of everywhere.

import { hash } from 'node:crypto';

const event = /^(event:.+)\/(\d{1,15})$/;

/** 32 hexadecimal digits; the same as migration 0004 makes of the identities before it. */
export function identityKey(environment: string, identity: string): string {
  const upstream = event.exec(identity);
  if (upstream === null) return digest(environment, identity).slice(0, 32);
  return partitionKey(environment, upstream[1]!) + Number(upstream[2]).toString(16).padStart(16, '0');
}

/** Computed for each event otherwise, for a handful of partitions. */
const partitionKeys = new Map<string, string>();
const partitionKeysMax = 10_000;

function partitionKey(environment: string, partition: string): string {
  const name = `${environment}\0${partition}`;
  let key = partitionKeys.get(name);
  if (key === undefined) {
    key = digest(environment, partition).slice(0, 16);
    if (partitionKeys.size >= partitionKeysMax) partitionKeys.clear();
    partitionKeys.set(name, key);
  }
  return key;
}

const digest = (environment: string, text: string): string => hash('sha256', `${environment}\0${text}`, 'hex');
