import { describe, expect, it } from 'vitest';
import type { EndpointId } from '../domain/index.ts';
import { EndpointTable } from './endpoint-table.ts';

const id = 'ep-1' as EndpointId;
const record = (over: Record<string, unknown> = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      endpointId: id,
      version: 1,
      managedBy: 'file',
      projectId: 'acme',
      environment: 'live',
      url: 'https://a.example/',
      status: { kind: 'enabled' },
      eventTypes: ['*'],
      profile: 'plain',
      profileOptions: {},
      method: 'POST',
      headers: {},
      timeoutMs: 1_000,
      retry: { kind: 'named', name: 'standard' },
      maxAgeMs: 60_000,
      successStatus: [[200, 299]],
      concurrency: 1,
      secrets: [],
      updatedAt: '2026-01-01T00:00:00Z',
      updatedBy: 'test',
      ...over,
    }),
  );
const key = Buffer.from(id);

describe('EndpointTable', () => {
  it('keeps the newest good version', () => {
    const table = new EndpointTable('live');
    expect(table.apply({ key, value: record() })).toEqual({ kind: 'put', endpointId: id });
    table.apply({ key, value: record({ version: 2, url: 'https://b.example/' }) });
    expect(table.index.get(id)).toMatchObject({ version: 2, url: 'https://b.example/' });
  });

  it.each<[string, Buffer | null, Buffer, RegExp]>([
    ['is no JSON', key, Buffer.from('{'), /not JSON/],
    ['is empty', key, Buffer.alloc(0), /not JSON/],
    ['fails the schema', key, record({ url: 'http://a.example/' }), /url: must begin with https/],
    ['belongs to another environment', key, record({ environment: 'test' }), /environment test/],
    ['stands under the key of another endpoint', Buffer.from('ep-2'), record({ version: 2 }), /holds endpoint ep-1/],
    ['has no key', null, record({ version: 2 }), /no key/],
    ['has an empty key', Buffer.alloc(0), record({ version: 2 }), /no key/],
  ])('keeps the last good version when a record %s', (_, badKey, value, problem) => {
    const table = new EndpointTable('live');
    table.apply({ key, value: record() });
    expect(table.apply({ key: badKey, value })).toEqual({
      kind: 'invalid',
      key: badKey?.toString() ?? '',
      problem: expect.stringMatching(problem) as string,
    });
    expect(table.index.get(id)?.version).toBe(1);
    expect([table.index.size, table.known]).toEqual([1, 1]);
  });

  it('deletes on a tombstone, takes the endpoint back on its next record, and does not mind a tombstone for a stranger', () => {
    const table = new EndpointTable('live');
    table.apply({ key, value: record() });
    expect(table.apply({ key, value: null })).toEqual({ kind: 'removed', endpointId: id });
    expect([table.index.get(id), table.index.isDeleted(id)]).toEqual([undefined, true]);
    table.apply({ key, value: record({ version: 2 }) });
    expect([table.index.get(id)?.version, table.index.isDeleted(id)]).toEqual([2, false]);
    table.apply({ key: Buffer.from('never-seen'), value: null });
    expect([table.index.size, table.known]).toEqual([1, 2]);
  });

  it('does not mistake a bad record after a tombstone for a new endpoint', () => {
    const table = new EndpointTable('live');
    table.apply({ key, value: null });
    table.apply({ key, value: Buffer.from('{') });
    expect(table.index.isDeleted(id)).toBe(true);
  });

  it('knows an endpoint once, however often it came and went: a reader after compaction knows as many', () => {
    const table = new EndpointTable('live');
    for (let i = 0; i < 100; i++) {
      table.apply({ key, value: record({ version: i + 1 }) });
      table.apply({ key, value: null });
    }
    expect(table.known).toBe(1);
  });
});
