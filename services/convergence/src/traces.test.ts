import { encodeAudit, type EventUnmatched } from '@postrider/core/contracts';
import type { Origin } from '@postrider/core/domain';
import type { AssignedPartition } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { Traces } from './traces.ts';

const never = new AbortController().signal;
const origin = (partition: number, offset: number) => `live.events/${partition}/${offset}` as Origin;
const trace = (at: Origin, reason: EventUnmatched['reason'] = 'no-endpoint'): EventUnmatched => ({
  type: 'EventUnmatched',
  origin: at,
  at: '2026-01-01T00:00:00.000Z',
  source: '/s',
  event: 'e' as never,
  eventType: 't',
  project: 'p' as never,
  reason,
});

/** `audit` partition 1 as a list, with N = 4; remembers from where it was read. */
function memoryLog(records: EventUnmatched[], logEnd = 10) {
  const readFrom: number[] = [];
  const traces = new Traces({
    onRangeLost: () => undefined,
    audit: 'live.audit',
    partitions: 4,
    endsOf: async (topic) => (topic === 'live.audit' ? new Map([[1, records.length]]) : new Map([[5, logEnd]])),
    cluster: {
      async scan({ from, onRecord }) {
        const start = from === 'earliest' ? 0 : (from.get(1) ?? 0);
        readFrom.push(start);
        for (const [offset, record] of records.entries()) {
          if (offset < start) continue;
          const value = encodeAudit(record);
          onRecord({ topic: 'live.audit', partition: 1, offset, timestamp: 1, key: null, value, headers: new Map() });
        }
        return { records: records.length - start, ends: new Map([[1, records.length]]) };
      },
    },
  });
  return { traces, readFrom };
}

const assigned = (over: Partial<AssignedPartition> = {}): AssignedPartition => ({
  topic: 'live.events',
  partition: 5,
  committed: null,
  logStart: 0,
  logEnd: 10,
  ...over,
});
const place = (offset: number) => ({ topic: 'live.events', partition: 5, offset });

describe('traces of an earlier owner', () => {
  it('are found by origin, in the order of the log, and given out once', async () => {
    const { traces } = memoryLog([
      trace(origin(5, 3)),
      trace(origin(5, 3), 'callback-url'),
      // The same audit partition holds traces of other upstream partitions.
      trace(origin(1, 4)),
    ]);
    await traces.restore([assigned()], never);
    expect(traces.take(place(3))).toMatchObject([{ reason: 'no-endpoint' }, { reason: 'callback-url' }]);
    expect(traces.take(place(3))).toEqual([]);
    expect(traces.take(place(4))).toEqual([]);
  });

  it('are not looked for in what others have written since, though nothing was traced meanwhile', async () => {
    const log = [trace(origin(5, 9))];
    const { traces } = memoryLog(log);
    await traces.restore([assigned({ committed: { offset: 10, metadata: '' } })], never);
    traces.tracing(place(10));
    log.push(trace(origin(1, 4)), trace(origin(1, 5)));
    await traces.lookAtEnds();
    // What is being traced was begun before that.
    expect(traces.mark(place(0), 10)).toBe('audit=1');
    expect(traces.mark(place(0), 11)).toBe('audit=3');
  });

  it('are all read when the log of events was cut, and is read again from its start', async () => {
    const { traces, readFrom } = memoryLog([trace(origin(5, 0)), trace(origin(5, 1)), trace(origin(5, 8))]);
    await traces.restore([assigned({ committed: { offset: 9, metadata: 'endpoints=1 audit=3' } })], never);
    const settled = Promise.withResolvers<void>();
    const again = traces.readAgain({ topic: 'live.events', partition: 5, from: 9, to: 1 }, settled.promise, never);
    // A commit of meanwhile says so at once; what was begun before is traced before it is read.
    expect(traces.mark(place(0), 1)).toBe('audit=0 until=9');
    expect(readFrom).toEqual([3]);
    settled.resolve();
    await again;
    expect(readFrom).toEqual([3, 0]);
    expect(traces.take(place(0))).toEqual([]);
    expect(traces.take(place(1))).toHaveLength(1);
    // The next owner finds them as well, until all that was read before is read again.
    expect(traces.mark(place(0), 2)).toBe('audit=0 until=9');
    expect(traces.take(place(8))).toHaveLength(1);
    expect(traces.mark(place(0), 9)).toBe('audit=3');
  });

  it('are forgotten with a partition that is lost: its next owner reads them itself', async () => {
    const { traces } = memoryLog([trace(origin(5, 3)), trace(origin(5, 4)), trace('live.events/55/3' as Origin)]);
    await traces.restore([assigned(), assigned({ partition: 55 })], never);
    traces.lost([{ topic: 'live.events', partition: 5 }]);
    expect(traces.remembered).toBe(1);
    expect(traces.mark(place(0), 4)).toBe('audit=0');
    expect(traces.take({ ...place(3), partition: 55 })).toHaveLength(1);
  });

  it('are not kept of a partition that is lost while they are read', async () => {
    const { traces } = memoryLog([trace(origin(5, 3))]);
    const again = traces.readAgain({ ...place(0), from: 9, to: 0 }, Promise.resolve(), never);
    traces.lost([place(0)]);
    await again;
    expect(traces.remembered).toBe(0);
  });

  it('are known to every owner after a cut until all that was read before it is read again', async () => {
    const log = [trace(origin(5, 4_000))];
    const owner = async (offset: number, metadata: string) => {
      const { traces } = memoryLog(log, 5_000);
      await traces.restore([assigned({ committed: { offset, metadata }, logEnd: 5_000 })], never);
      return traces;
    };
    const first = await owner(5_000, 'audit=1');
    await first.readAgain({ ...place(0), from: 5_000, to: 0 }, Promise.resolve(), never);
    first.take(place(1));
    const second = await owner(2, first.mark(place(0), 2));
    // Farther than a window.
    second.take(place(1_500));
    const third = await owner(1_501, `endpoints=1 ${second.mark(place(0), 1_501)} last=1500@7`);
    expect(third.take(place(4_000))).toHaveLength(1);
  });

  it('are not remembered of records that a topic that was made anew has no more', async () => {
    const log = Array.from({ length: 100 }, (_, n) => trace(origin(5, n)));
    const { traces } = memoryLog(log, 3);
    await traces.restore([assigned({ logEnd: 5 })], never);
    expect(traces.remembered).toBe(5);
    await traces.readAgain({ ...place(0), from: 100, to: 0 }, Promise.resolve(), never);
    expect(traces.remembered).toBe(3);
  });

  it('are read from where the commit says, from the beginning when it says nothing', async () => {
    for (const [metadata, from] of [
      ['endpoints=7 audit=2', 2],
      ['endpoints=7', 0],
      ['', 0],
    ] as const) {
      const { traces, readFrom } = memoryLog([trace(origin(5, 0)), trace(origin(5, 1)), trace(origin(5, 2))]);
      await traces.restore([assigned({ committed: { offset: 1, metadata } })], never);
      expect(readFrom).toEqual([from]);
    }
  });

  it('stay readable for the next owner until this one has read what it inherited and committed it', async () => {
    const { traces } = memoryLog([trace(origin(5, 8)), trace(origin(5, 9))]);
    await traces.restore([assigned({ committed: { offset: 8, metadata: 'endpoints=1 audit=0' } })], never);
    expect(traces.mark(place(0), 8)).toBe('audit=0 until=10');
    traces.take(place(8));
    traces.take(place(9));
    expect(traces.mark(place(0), 8)).toBe('audit=0');
    expect(traces.mark(place(0), 10)).toBe('audit=2');
  });

  it('include what this owner has written and not committed', async () => {
    const { traces } = memoryLog([trace(origin(5, 0))]);
    await traces.restore([assigned({ committed: { offset: 10, metadata: '' } })], never);
    traces.take(place(10));
    traces.tracing(place(10));
    traces.traced(5, 6);
    traces.tracing(place(11));
    expect(traces.mark(place(0), 10)).toBe('audit=1');
    expect(traces.mark(place(0), 11)).toBe('audit=7');
  });
});
