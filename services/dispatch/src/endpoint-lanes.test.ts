import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndpointLanes } from './endpoint-lanes.ts';

const take = <T>(lanes: EndpointLanes<T>, endpointId: string, concurrency: number): T | undefined =>
  lanes.ready(endpointId, concurrency) ? lanes.take(endpointId) : undefined;

describe('EndpointLanes', () => {
  it('gives the items of an endpoint in their order, as many at once as allowed', () => {
    const lanes = new EndpointLanes<string>();
    for (const item of ['1', '2', '3']) lanes.enqueue('a', item);
    expect([take(lanes, 'a', 2), take(lanes, 'a', 2), take(lanes, 'a', 2)]).toEqual(['1', '2', undefined]);
    lanes.done('a');
    expect([take(lanes, 'a', 2), lanes.underWay, lanes.waiting]).toEqual(['3', 2, 0]);
  });

  it('keeps endpoints apart', () => {
    const lanes = new EndpointLanes<string>();
    lanes.enqueue('a', '1');
    lanes.enqueue('b', '2');
    take(lanes, 'a', 1);
    expect(take(lanes, 'b', 1)).toBe('2');
    expect([take(lanes, 'c', 1), lanes.waitingFor('c')]).toEqual([undefined, 0]);
  });

  it('forgets an endpoint that has nothing left', () => {
    const lanes = new EndpointLanes<string>();
    lanes.enqueue('a', '1');
    take(lanes, 'a', 1);
    expect(lanes.endpoints()).toEqual(['a']);
    lanes.done('a');
    expect(lanes.endpoints()).toEqual([]);
  });

  it('agrees with plain queues and counters, over long queues and losses', () => {
    const endpoint = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('enqueue' as const),
          endpoint,
          count: fc.integer({ min: 1, max: 100 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('take' as const),
          endpoint,
          concurrency: fc.integer({ min: 1, max: 200 }),
          count: fc.integer({ min: 1, max: 100 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('done' as const), endpoint, count: fc.integer({ min: 1, max: 100 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), partition: fc.nat(2) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lanes = new EndpointLanes<number>();
        const queues = new Map<string, number[]>(['a', 'b', 'c'].map((name) => [name, []]));
        const underWay = new Map<string, number>(['a', 'b', 'c'].map((name) => [name, 0]));
        let next = 0;
        for (const step of steps) {
          /** What the lanes gave, and what they should have. */
          const answers: [unknown, unknown][] = [];
          for (let i = 0; i < ('count' in step ? step.count : 1); i++) {
            if (step.kind === 'enqueue') {
              lanes.enqueue(step.endpoint, next);
              queues.get(step.endpoint)!.push(next++);
            } else if (step.kind === 'take') {
              const free = underWay.get(step.endpoint)! < step.concurrency;
              const expected = free ? queues.get(step.endpoint)!.shift() : undefined;
              if (expected !== undefined) underWay.set(step.endpoint, underWay.get(step.endpoint)! + 1);
              answers.push([take(lanes, step.endpoint, step.concurrency), expected]);
            } else if (step.kind === 'done') {
              if (underWay.get(step.endpoint) === 0) continue;
              underWay.set(step.endpoint, underWay.get(step.endpoint)! - 1);
              lanes.done(step.endpoint);
            } else {
              const lost = (item: number): boolean => item % 3 === step.partition;
              let dropped = 0;
              for (const [name, queue] of queues) {
                queues.set(
                  name,
                  queue.filter((item) => !lost(item)),
                );
                dropped += queue.length - queues.get(name)!.length;
              }
              answers.push([lanes.drop(lost), dropped]);
            }
          }
          for (const [given, expected] of answers) expect(given).toBe(expected);
          for (const [name, queue] of queues) expect(lanes.waitingFor(name)).toBe(queue.length);
          expect(lanes.waiting).toBe([...queues.values()].flat().length);
          expect(lanes.underWay).toBe([...underWay.values()].reduce((sum, n) => sum + n, 0));
          const busy = [...queues.keys()].filter((name) => queues.get(name)!.length > 0 || underWay.get(name)! > 0);
          expect(lanes.endpoints().toSorted()).toEqual(busy);
        }
      }),
    );
  });
});
