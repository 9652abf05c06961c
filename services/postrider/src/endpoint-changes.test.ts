import type { Endpoint, EndpointId } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import { strictGuard } from './strict-guard.ts';
import { contentDigest, planEndpoints, type EndpointsNow } from './endpoint-changes.ts';
import type { EndpointContent } from './endpoint-form.ts';
import { readEndpointFile } from './endpoint-file.ts';

function content(id: string, changes: Record<string, unknown> = {}): EndpointContent {
  const file = {
    environment: 'test',
    endpoints: [{ id, project: 'p', url: `https://${id}.com/`, eventTypes: ['*'], profile: 'plain', ...changes }],
  };
  const read = readEndpointFile(file, { environment: 'test', readFile: () => '', guard: strictGuard });
  if (!read.ok || !read.endpoints[0]) throw new Error(JSON.stringify(read));
  return read.endpoints[0];
}

function standing(id: string, version: number, changes: Partial<Endpoint> = {}): Endpoint {
  return {
    ...content(id),
    version,
    updatedAt: '2026-01-01T00:00:00.000Z',
    updatedBy: 'old',
    approvedBy: undefined,
    ...changes,
  };
}

function tableOf(...endpoints: Endpoint[]): EndpointsNow {
  return {
    endpoints: new Map(endpoints.map((endpoint) => [endpoint.endpointId, endpoint])),
    deletedVersions: new Map(),
  };
}

const options = { prune: false, actor: 'ann', at: '2026-02-01T00:00:00.000Z' };

describe('what a file changes in the endpoint table', () => {
  it('creates what is new as version 1, stamped', () => {
    const [change] = planEndpoints(tableOf(), [content('a')], options);
    expect(change).toMatchObject({
      kind: 'created',
      after: { endpointId: 'a', version: 1, updatedBy: 'ann', updatedAt: options.at },
    });
  });

  it('makes a deleted endpoint newer than it was, so that an old disabling does not hold', () => {
    const now = { ...tableOf(), deletedVersions: new Map([['a' as EndpointId, 4]]) };
    expect(planEndpoints(now, [content('a')], options)).toMatchObject([{ kind: 'created', after: { version: 5 } }]);
  });

  it('does not rewrite what is as it should be, whatever the order of its keys', () => {
    const before = standing('a', 3, { headers: { X: '1', Y: '2' } });
    const wanted = content('a', { headers: { Y: '2', X: '1' } });
    expect(planEndpoints(tableOf(before), [wanted], options)).toEqual([{ kind: 'unchanged', before }]);
  });

  it('makes a new version of what is to be renewed, and says so, though nothing else changed', () => {
    const before = standing('a', 3);
    const renewed = planEndpoints(tableOf(before), [content('a')], { ...options, renew: ['a'] });
    expect(renewed).toMatchObject([
      { kind: 'changed', after: { version: 4, updatedAt: options.at }, fields: ['version'] },
    ]);
    const both = planEndpoints(tableOf(before), [content('a', { timeout: '7s' })], { ...options, renew: ['a'] });
    expect(both).toMatchObject([{ after: { version: 4 }, fields: ['timeoutMs'] }]);
  });

  it('raises the version of what changed and names the fields', () => {
    const changes = planEndpoints(
      tableOf(standing('a', 3)),
      [content('a', { timeout: '5s', concurrency: 2 })],
      options,
    );
    expect(changes).toMatchObject([
      { kind: 'changed', after: { version: 4, timeoutMs: 5_000 }, fields: ['timeoutMs', 'concurrency'] },
    ]);
  });

  it('lists what is not in the file, and deletes it only when asked to', () => {
    const now = tableOf(standing('a', 1), standing('b', 2));
    expect(planEndpoints(now, [content('a')], options).map((change) => change.kind)).toEqual(['unchanged', 'missing']);
    expect(planEndpoints(now, [content('a')], { ...options, prune: true }).map((change) => change.kind)).toEqual([
      'unchanged',
      'deleted',
    ]);
  });

  it('leaves the endpoints of another writer alone, also when pruning', () => {
    const now = tableOf(
      standing('a', 1, { managedBy: 'control-plane' }),
      standing('b', 2, { managedBy: 'control-plane' }),
    );
    expect(planEndpoints(now, [content('a')], { ...options, prune: true })).toMatchObject([
      { kind: 'foreign', before: { endpointId: 'a' } },
    ]);
  });

  it('gives equal endpoints equal digests, whatever their version and stamp', () => {
    expect(contentDigest(standing('a', 1))).toBe(
      contentDigest(standing('a', 9, { updatedBy: 'x', updatedAt: '2027-01-01T00:00:00.000Z' })),
    );
    expect(contentDigest(standing('a', 1))).not.toBe(contentDigest(standing('a', 1, { timeoutMs: 1_000 })));
  });
});
