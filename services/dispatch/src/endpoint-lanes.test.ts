import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndpointLanes } from './endpoint-lanes.ts';
import { latePlaces, type Turn } from './turns.ts';

/** What comes next of an endpoint, whoever's turn it is. */
function take<T>(lanes: EndpointLanes<T>, endpointId: string, concurrency: number): T | undefined {
  const turn = lanes.next(endpointId, concurrency);
  return turn && lanes.take(endpointId, turn);
}

describe('EndpointLanes', () => {
  it('gives the items of an endpoint in their order, as many at once as allowed', () => {
    const lanes = new EndpointLanes<string>();
    for (const item of ['1', '2', '3']) lanes.enqueue('a', 'first', item);
    expect([take(lanes, 'a', 2), take(lanes, 'a', 2), take(lanes, 'a', 2)]).toEqual(['1', '2', undefined]);
    lanes.done('a', 'first');
    expect([take(lanes, 'a', 2), lanes.underWay, lanes.waiting]).toEqual(['3', 2, 0]);
  });

  it('keeps endpoints apart', () => {
    const lanes = new EndpointLanes<string>();
    lanes.enqueue('a', 'first', '1');
    lanes.enqueue('b', 'first', '2');
    take(lanes, 'a', 1);
    expect(take(lanes, 'b', 1)).toBe('2');
    expect([take(lanes, 'c', 1), lanes.waitingFor('c', 'first')]).toEqual([undefined, 0]);
  });

  it('forgets an endpoint that has nothing left', () => {
    const lanes = new EndpointLanes<string>();
    lanes.enqueue('a', 'late', '1');
    take(lanes, 'a', 1);
    expect(lanes.endpoints()).toEqual(['a']);
    lanes.done('a', 'late');
    expect(lanes.endpoints()).toEqual([]);
    lanes.enqueue('a', 'late', '2');
    lanes.takeAll('a');
    expect(lanes.endpoints()).toEqual([]);
  });

  it('keeps a quarter of the places for first attempts, and every fourth turn for late work', () => {
    const lanes = new EndpointLanes<string>();
    for (let n = 0; n < 8; n++) lanes.enqueue('a', 'late', `late ${n}`);
    expect(Array.from({ length: 4 }, () => take(lanes, 'a', 4))).toEqual(['late 0', 'late 1', 'late 2', undefined]);
    for (let n = 0; n < 8; n++) lanes.enqueue('a', 'first', `first ${n}`);
    expect(take(lanes, 'a', 4)).toBe('first 0');
    for (let i = 0; i < 3; i++) lanes.done('a', 'late');
    lanes.done('a', 'first');
    expect(Array.from({ length: 4 }, () => take(lanes, 'a', 4))).toEqual(['first 1', 'first 2', 'late 3', 'first 3']);
  });

  it('takes turns at the only place of an endpoint', () => {
    const lanes = new EndpointLanes<string>();
    for (let n = 0; n < 8; n++) for (const turn of ['first', 'late'] as const) lanes.enqueue('a', turn, turn);
    const order = Array.from({ length: 8 }, () => {
      const turn = lanes.next('a', 1)!;
      lanes.take('a', turn);
      lanes.done('a', turn);
      return turn;
    });
    expect(order.filter((turn) => turn === 'late')).toHaveLength(2);
  });

  it('agrees with plain queues and counters, over long queues and losses', () => {
    const endpoint = fc.constantFrom('a', 'b', 'c');
    const turn = fc.constantFrom<Turn>('first', 'late');
    const count = fc.integer({ min: 1, max: 100 });
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('enqueue' as const), endpoint, turn, count }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('take' as const),
          endpoint,
          concurrency: fc.integer({ min: 1, max: 200 }),
          count,
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('done' as const), endpoint, turn, count }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), partition: fc.nat(2) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('beyond' as const), endpoint, turn, keep: fc.nat(20) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lanes = new EndpointLanes<number>();
        const names = ['a', 'b', 'c'];
        const queues = new Map(
          names.flatMap((name) => [`${name} first`, `${name} late`].map((key) => [key, [] as number[]])),
        );
        const underWay = new Map([...queues.keys()].map((key) => [key, 0]));
        let next = 0;
        for (const step of steps) {
          /** What the lanes gave, and what they should have. */
          const answers: [unknown, unknown][] = [];
          for (let i = 0; i < ('count' in step ? step.count : 1); i++) {
            if (step.kind === 'enqueue') {
              lanes.enqueue(step.endpoint, step.turn, next);
              queues.get(`${step.endpoint} ${step.turn}`)!.push(next++);
            } else if (step.kind === 'take') {
              const late = underWay.get(`${step.endpoint} late`)!;
              const busy = underWay.get(`${step.endpoint} first`)! + late;
              const may = {
                first: busy < step.concurrency && queues.get(`${step.endpoint} first`)!.length > 0,
                late:
                  busy < step.concurrency &&
                  late < latePlaces(step.concurrency) &&
                  queues.get(`${step.endpoint} late`)!.length > 0,
              };
              const turn = lanes.next(step.endpoint, step.concurrency);
              // Which of two is a matter of turns; that it is one of those that may is not.
              answers.push([turn === undefined ? !may.first && !may.late : may[turn], true]);
              if (turn === undefined) continue;
              answers.push([lanes.take(step.endpoint, turn), queues.get(`${step.endpoint} ${turn}`)!.shift()]);
              underWay.set(`${step.endpoint} ${turn}`, underWay.get(`${step.endpoint} ${turn}`)! + 1);
            } else if (step.kind === 'done') {
              const key = `${step.endpoint} ${step.turn}`;
              if (underWay.get(key) === 0) continue;
              underWay.set(key, underWay.get(key)! - 1);
              lanes.done(step.endpoint, step.turn);
            } else if (step.kind === 'beyond') {
              const taken = queues.get(`${step.endpoint} ${step.turn}`)!.splice(step.keep);
              answers.push([lanes.takeBeyond(step.endpoint, step.turn, step.keep), taken]);
            } else {
              const lost = (item: number): boolean => item % 3 === step.partition;
              let dropped = 0;
              for (const [key, queue] of queues) {
                const kept = queue.filter((item) => !lost(item));
                dropped += queue.length - kept.length;
                queues.set(key, kept);
              }
              answers.push([lanes.drop(lost), dropped]);
            }
          }
          for (const [given, expected] of answers) expect(given).toEqual(expected);
          for (const name of names)
            for (const turn of ['first', 'late'] as const) {
              const queue = queues.get(`${name} ${turn}`)!;
              expect([lanes.waitingFor(name, turn), lanes.head(name, turn)]).toEqual([queue.length, queue[0]]);
            }
          expect(lanes.waiting).toBe([...queues.values()].flat().length);
          expect(lanes.underWay).toBe([...underWay.values()].reduce((sum, n) => sum + n, 0));
          const busy = [...queues.keys()].filter((key) => queues.get(key)!.length > 0 || underWay.get(key)! > 0);
          expect(lanes.endpoints().toSorted()).toEqual(
            names.filter((name) => busy.some((key) => key.startsWith(name))),
          );
        }
      }),
    );
  });
});
