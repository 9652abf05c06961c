import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointId, ProjectId } from './brand.ts';
import type { Endpoint, EndpointStatus } from './endpoint.ts';
import { EndpointIndex, typeMatches } from './matching.ts';

function endpoint(
  id: string,
  project: string,
  eventTypes: readonly string[],
  status: EndpointStatus['kind'] = 'enabled',
): Endpoint {
  return { endpointId: id, projectId: project, eventTypes, status: { kind: status } } as unknown as Endpoint;
}

const matchIds = (index: EndpointIndex, project: string, type: string): string[] =>
  index.match({ projectId: project as ProjectId, type }).map((found) => found.endpointId);

describe('typeMatches', () => {
  it.each([
    ['*', 'anything.at.all', true],
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
    ['a.b', 'A.B', false],
    ['a.b.*', 'a.b.c', true],
    ['a.b.*', 'a.b.c.d', true],
    ['a.b.*', 'a.b', false],
    ['a.b.*', 'a.bc', false],
    ['a.*', 'b.a.c', false],
  ])('%s takes %s: %s', (pattern, type, taken) => {
    expect(typeMatches(pattern, type)).toBe(taken);
  });
});

describe('EndpointIndex', () => {
  it('finds the endpoints of the project alone, in the order of their ids, each once', () => {
    const index = new EndpointIndex();
    index.put(endpoint('b', 'acme', ['x.*', 'x.y', '*']));
    index.put(endpoint('a', 'acme', ['x.y']));
    index.put(endpoint('c', 'other', ['x.y']));
    expect(matchIds(index, 'acme', 'x.y')).toEqual(['a', 'b']);
    expect(matchIds(index, 'nobody', 'x.y')).toEqual([]);
  });

  it('tells a paused endpoint, whose dispatches wait, and passes over a disabled one', () => {
    const index = new EndpointIndex();
    index.put(endpoint('a', 'acme', ['x'], 'paused'));
    index.put(endpoint('b', 'acme', ['x'], 'disabled'));
    expect(matchIds(index, 'acme', 'x')).toEqual(['a']);
  });

  it('calls an endpoint deleted from its tombstone until its next record', () => {
    const index = new EndpointIndex();
    const id = 'a' as EndpointId;
    expect(index.isDeleted(id)).toBe(false);
    index.remove(id);
    index.remove(id);
    expect([index.isDeleted(id), index.get(id), index.deleted, index.size]).toEqual([true, undefined, 1, 0]);
    index.put(endpoint('a', 'acme', ['x']));
    expect([index.isDeleted(id), index.deleted, index.size]).toEqual([false, 0, 1]);
  });

  it('finds what a scan of all endpoints finds, whatever is put, changed and removed', () => {
    const pattern = fc.constantFrom('*', 'a.*', 'a.b.*', 'a', 'a.b', 'a.b.c', 'b', 'b.*');
    const step = fc.record({
      id: fc.constantFrom('e1', 'e2', 'e3', 'e4', 'e5', 'e6'),
      change: fc.option(
        fc.record({
          project: fc.constantFrom('p1', 'p2'),
          types: fc.array(pattern, { minLength: 1, maxLength: 4 }),
          status: fc.constantFrom('enabled' as const, 'paused' as const, 'disabled' as const),
        }),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const index = new EndpointIndex();
        const naive = new Map<string, Endpoint>();
        const removed = new Set<string>();
        for (const { id, change } of steps) {
          if (change) {
            const next = endpoint(id, change.project, change.types, change.status);
            index.put(next);
            naive.set(id, next);
            removed.delete(id);
          } else {
            index.remove(id as EndpointId);
            naive.delete(id);
            removed.add(id);
          }
        }
        expect([index.size, index.deleted]).toEqual([naive.size, removed.size]);
        expect([...index.all()].map((one) => one.endpointId).toSorted()).toEqual([...naive.keys()].toSorted());
        for (const project of ['p1', 'p2']) {
          for (const type of ['a', 'a.b', 'a.b.c', 'a.bc', 'b', 'b.c', 'c']) {
            const scan = [...naive.values()]
              .filter((one) => one.projectId === project && one.status.kind !== 'disabled')
              .filter((one) => one.eventTypes.some((pattern) => typeMatches(pattern, type)))
              .map((one) => one.endpointId)
              .toSorted();
            expect(matchIds(index, project, type)).toEqual(scan);
          }
        }
      }),
    );
  });

  it('looks at the endpoints of one project only, however many others there are', () => {
    const index = new EndpointIndex();
    let looks = 0;
    for (let i = 0; i < 10_000; i++) {
      const one = endpoint(`e${i}`, `p${i % 1_000}`, [`t${i % 7}`, 'x.*']);
      Object.defineProperty(one, 'status', { get: () => (looks++, { kind: 'enabled' }) });
      index.put(one);
    }
    expect(matchIds(index, 'p17', 'x.y')).toHaveLength(10);
    expect(looks).toBe(10);
  });

  it('takes ten thousand endpoints and ten thousand events in far less than a second', () => {
    const index = new EndpointIndex();
    const started = performance.now();
    for (let i = 0; i < 10_000; i++) index.put(endpoint(`e${i}`, `p${i % 1_000}`, [`t${i % 7}`, 'x.*']));
    let found = 0;
    for (let i = 0; i < 10_000; i++)
      found += index.match({ projectId: `p${i % 1_000}` as ProjectId, type: 'x.y' }).length;
    expect(found).toBe(100_000);
    // Fifty times what it takes: only a scan of all endpoints for each event is as slow.
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
