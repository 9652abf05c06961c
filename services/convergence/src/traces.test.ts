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
function memoryLog(records: EventUnmatched[]) {
  const readFrom: number[] = [];
  const traces = new Traces({
    onRangeLost: () => undefined,
    audit: 'live.audit',
    partitions: 4,
    auditEnds: async () => new Map([[1, records.length]]),
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
  it('are found by origin, the first of two counts, and each is given out once', async () => {
    const { traces } = memoryLog([
      trace(origin(5, 3)),
      trace(origin(5, 3), 'callback-url'),
      // The same audit partition holds traces of other upstream partitions.
      trace(origin(1, 4)),
    ]);
    await traces.restore([assigned()], never);
    expect(traces.take(place(3), origin(5, 3))).toMatchObject({ reason: 'no-endpoint' });
    expect(traces.take(place(3), origin(5, 3))).toBeUndefined();
    expect(traces.take(place(4), origin(5, 4))).toBeUndefined();
    expect(traces.take(place(4), origin(1, 4))).toBeUndefined();
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
    await traces.readAgain({ topic: 'live.events', partition: 5, from: 9, to: 1 }, never);
    expect(readFrom).toEqual([3, 0]);
    expect(traces.take(place(0), origin(5, 0))).toBeUndefined();
    expect(traces.take(place(1), origin(5, 1))).toBeDefined();
    // The next owner finds them as well, until all that was read before is read again.
    expect(traces.mark(place(0), 2)).toBe('audit=0');
    expect(traces.take(place(8), origin(5, 8))).toBeDefined();
    expect(traces.mark(place(0), 9)).toBe('audit=3');
  });

  it('are forgotten with a partition that is lost: its next owner reads them itself', async () => {
    const { traces } = memoryLog([trace(origin(5, 3)), trace(origin(5, 4)), trace('live.events/55/3' as Origin)]);
    await traces.restore([assigned(), assigned({ partition: 55 })], never);
    traces.lost([{ topic: 'live.events', partition: 5 }]);
    expect(traces.remembered).toBe(1);
    expect(traces.mark(place(0), 4)).toBe('audit=0');
    expect(traces.take({ ...place(3), partition: 55 }, 'live.events/55/3' as Origin)).toBeDefined();
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
    expect(traces.mark(place(0), 8)).toBe('audit=0');
    traces.take(place(8), origin(5, 8));
    traces.take(place(9), origin(5, 9));
    expect(traces.mark(place(0), 8)).toBe('audit=0');
    expect(traces.mark(place(0), 10)).toBe('audit=2');
  });

  it('include what this owner has written and not committed', async () => {
    const { traces } = memoryLog([trace(origin(5, 0))]);
    await traces.restore([assigned({ committed: { offset: 10, metadata: '' } })], never);
    traces.take(place(10), origin(5, 10));
    traces.tracing(place(10));
    traces.traced(5, 6);
    traces.tracing(place(11));
    expect(traces.mark(place(0), 10)).toBe('audit=1');
    expect(traces.mark(place(0), 11)).toBe('audit=7');
  });
});
