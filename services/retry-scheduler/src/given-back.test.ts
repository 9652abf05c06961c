import { dispatchHeaders, tierPlaceHeader } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import type { AssignedPartition, KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { GivenBack } from './given-back.ts';
import { givenBackMax } from './limits.ts';

const windowRecords = 2_000;

const dispatch = (attempt: number, over: Partial<Dispatch> = {}): Dispatch => ({
  dispatchId: 'dsp_aaaaaaaaaaaaaaaaaaaaaaaaaa' as Dispatch['dispatchId'],
  round: 0,
  attempt,
  endpointId: 'ep' as Dispatch['endpointId'],
  projectId: 'acme' as Dispatch['projectId'],
  eventId: 'e1' as Dispatch['eventId'],
  eventType: 't',
  eventTimeMs: undefined,
  subject: undefined,
  createdMs: 1,
  roundStartedMs: 1,
  dueMs: 1,
  hop: 0,
  park: 0,
  origin: 'live.events/0/1' as Dispatch['origin'],
  deadlineMs: undefined,
  correlation: undefined,
  mustEnd: undefined,
  replay: undefined,
  traceparent: undefined,
  body: Buffer.from('{}'),
  ...over,
});

/** `dispatches` of partition 0 as a list; remembers from where it was read. */
function memoryLog(dispatches: Dispatch[], places: readonly string[] = []) {
  const readFrom: number[] = [];
  const givenBack = new GivenBack({
    onRangeLost: () => undefined,
    windowOf: (tier) => ({ windowRecords: tier === 'live.retry.5s' ? windowRecords : 1 }),
    dispatches: 'live.dispatches',
    dispatchesEnd: async () => new Map([[0, dispatches.length]]),
    cluster: {
      async scan({ from, onRecord }) {
        const start = from === 'earliest' ? 0 : (from.get(0) ?? 0);
        readFrom.push(start);
        for (const [i, one] of dispatches.entries()) {
          if (i < start) continue;
          const from = places[i] === undefined ? {} : { [tierPlaceHeader]: places[i] };
          const headers = Object.entries({ ...dispatchHeaders(one), ...from }).map(
            ([name, text]) => [name, [Buffer.from(text)]] as const,
          );
          const record: KafkaRecord = {
            topic: 'live.dispatches',
            partition: 0,
            offset: i,
            timestamp: 1,
            key: null,
            value: Buffer.from(one.body),
            headers: new Map(headers),
          };
          onRecord(record);
        }
        return { records: dispatches.length - start, ends: new Map([[0, dispatches.length]]) };
      },
    },
  });
  return { givenBack, readFrom };
}

const assigned = (over: Partial<AssignedPartition> = {}): AssignedPartition => ({
  topic: 'live.retry.5s',
  partition: 0,
  committed: null,
  logStart: 0,
  logEnd: 10,
  ...over,
});
const place = (offset: number) => ({ topic: 'live.retry.5s', partition: 0, offset });
const never = new AbortController().signal;

describe('what was given back before', () => {
  it('is found by attempt, hop and park, and by nothing less', async () => {
    const { givenBack } = memoryLog([dispatch(1), dispatch(2), dispatch(3, { park: 1 })]);
    await givenBack.restore([assigned()], never);
    expect(givenBack.has(place(0), dispatch(2))).toBe(true);
    expect(givenBack.has(place(1), dispatch(2, { hop: 1 }))).toBe(false);
    expect(givenBack.has(place(2), dispatch(3))).toBe(false);
    expect(givenBack.has(place(3), dispatch(3, { park: 1 }))).toBe(true);
    // A first attempt that never went round was written by convergence.
    expect(givenBack.has(place(4), dispatch(1))).toBe(false);
  });

  it('is not what was put off anew, as often as a copy of it before: that one may have been dropped as a copy of this', async () => {
    const { givenBack } = memoryLog([dispatch(1, { park: 1, parkedMs: 1_000 })]);
    await givenBack.restore([assigned()], never);
    expect(givenBack.has(place(0), dispatch(1, { park: 1, parkedMs: 9_000 }))).toBe(false);
    expect(givenBack.has(place(1), dispatch(1, { park: 1, parkedMs: 1_000 }))).toBe(true);
  });

  it('is found by where it stood, since dispatch may have appended it twice, and dropped what came back of the first', async () => {
    const parked = dispatch(1, { park: 1, parkedMs: 1_000 });
    const { givenBack } = memoryLog([parked], ['live.retry.5s/3']);
    await givenBack.restore([assigned()], never);
    expect(givenBack.has(place(3), parked)).toBe(true);
    expect(givenBack.has(place(4), parked)).toBe(false);
  });

  it('is not what stands there since its tier was made anew', async () => {
    const { givenBack } = memoryLog([dispatch(2)], ['live.retry.5s/3']);
    await givenBack.restore([assigned()], never);
    expect(givenBack.has(place(3), dispatch(3))).toBe(false);
    expect(givenBack.has(place(3), dispatch(2, { park: 1 }))).toBe(false);
  });

  it('is read from where the commit says, from the beginning when it says nothing readable', async () => {
    for (const [metadata, from] of [
      ['dispatches=2', 2],
      ['', 0],
      ['dispatches=x', 0],
    ] as const) {
      const { givenBack, readFrom } = memoryLog([dispatch(2), dispatch(3), dispatch(4)]);
      await givenBack.restore([assigned({ committed: { offset: 3, metadata } })], never);
      expect(readFrom).toEqual([from]);
    }
  });

  it('is not looked for when the tier holds nothing that could come again', async () => {
    const { givenBack, readFrom } = memoryLog([dispatch(2), dispatch(3)]);
    await givenBack.restore([assigned({ committed: { offset: 10, metadata: '' } })], never);
    expect(readFrom).toEqual([2]);
  });

  it('stays readable for the next owner until this one has read everything it inherited', async () => {
    const { givenBack } = memoryLog([dispatch(2), dispatch(3), dispatch(4)]);
    await givenBack.restore([assigned({ committed: { offset: 8, metadata: 'dispatches=1' } })], never);
    expect(givenBack.metadata(place(0), 8)).toBe('dispatches=1');
    expect(givenBack.has(place(8), dispatch(9))).toBe(false);
    expect(givenBack.metadata(place(0), 8)).toBe('dispatches=1');
    expect(givenBack.has(place(9), dispatch(3))).toBe(true);
    // Record 9 is not below the watermark and its successor stands at 1.
    expect(givenBack.metadata(place(0), 8)).toBe('dispatches=1');
    expect(givenBack.metadata(place(0), 10)).toBe('dispatches=3');
  });

  it('includes what this owner is giving back and has not committed', async () => {
    const { givenBack } = memoryLog([dispatch(2), dispatch(3), dispatch(4)]);
    await givenBack.restore([assigned({ committed: { offset: 10, metadata: '' } })], never);
    givenBack.giving(place(10));
    givenBack.given(0, 7);
    givenBack.giving(place(11));
    expect(givenBack.metadata(place(0), 10)).toBe('dispatches=3');
    expect(givenBack.metadata(place(0), 11)).toBe('dispatches=8');
    expect(givenBack.metadata(place(0), 12)).toBe('dispatches=8');
  });

  it('is not looked for in what others have written since, though nothing was given back meanwhile', async () => {
    const log = [dispatch(2)];
    const { givenBack } = memoryLog(log);
    await givenBack.restore([assigned({ committed: { offset: 10, metadata: '' } })], never);
    givenBack.giving(place(10));
    log.push(dispatch(3), dispatch(4));
    await givenBack.lookAtEnds();
    // What is being given back was begun before that.
    expect(givenBack.metadata(place(0), 10)).toBe('dispatches=1');
    expect(givenBack.metadata(place(0), 11)).toBe('dispatches=3');
    // Of partitions that somebody else owns nothing is kept.
    givenBack.lost([place(0)]);
    await givenBack.lookAtEnds();
    expect(givenBack.metadata(place(0), 11)).toBe('dispatches=0');
  });

  it('does not hold a long tier back for ever: beyond a window nothing was read by anyone', async () => {
    const { givenBack } = memoryLog([dispatch(2)]);
    await givenBack.restore(
      [assigned({ committed: { offset: 0, metadata: 'dispatches=0' }, logEnd: 1_000_000 })],
      never,
    );
    givenBack.has(place(windowRecords - 1), dispatch(9));
    expect(givenBack.metadata(place(0), 0)).toBe('dispatches=1');
  });

  it('is forgotten when all that was inherited is read, in every tier of its partition, and not before', async () => {
    const { givenBack } = memoryLog([dispatch(2), dispatch(3), dispatch(4)]);
    const metadata = 'dispatches=0';
    await givenBack.restore(
      [
        assigned({ committed: { offset: 8, metadata } }),
        assigned({ topic: 'live.retry.1m', logEnd: 1, committed: { offset: 0, metadata } }),
        // Holds nothing that could come again.
        assigned({ topic: 'live.retry.5m', logEnd: 5, committed: { offset: 5, metadata } }),
      ],
      never,
    );
    expect(givenBack.remembered).toBe(3);
    expect(givenBack.has(place(9), dispatch(2))).toBe(true);
    expect(givenBack.remembered).toBe(3);
    // The last one that was inherited is found before anything is forgotten.
    expect(givenBack.has({ ...place(0), topic: 'live.retry.1m' }, dispatch(3))).toBe(true);
    expect(givenBack.remembered).toBe(0);
    expect(givenBack.has(place(10), dispatch(4))).toBe(false);
  });

  it('is remembered somewhat beyond the window of an earlier owner, which is no sharp bound', async () => {
    const { givenBack } = memoryLog([dispatch(2)]);
    await givenBack.restore([assigned({ committed: { offset: 0, metadata: 'dispatches=0' }, logEnd: 1e6 })], never);
    expect(givenBack.has(place(2 * windowRecords - 2), dispatch(9))).toBe(false);
    expect(givenBack.has(place(2 * windowRecords - 1), dispatch(2))).toBe(true);
    expect(givenBack.has(place(2 * windowRecords), dispatch(2))).toBe(false);
  });

  it('is forgotten at once when nothing was inherited, and when the partition is lost', async () => {
    const { givenBack } = memoryLog([dispatch(2), dispatch(3)]);
    await givenBack.restore([assigned({ logEnd: 4, committed: { offset: 4, metadata: 'dispatches=0' } })], never);
    expect(givenBack.remembered).toBe(0);
    await givenBack.restore([assigned({ committed: { offset: 4, metadata: 'dispatches=0' } })], never);
    expect(givenBack.remembered).toBe(2);
    givenBack.lost([place(0)]);
    expect(givenBack.remembered).toBe(0);
    expect(givenBack.metadata(place(0), 4)).toBe('dispatches=0');
  });

  it('has a bound: the oldest are forgotten first, and may come again as copies', async () => {
    const all = Array.from({ length: givenBackMax + 5 }, (_, n) => dispatch(n + 2));
    const { givenBack } = memoryLog(all);
    await givenBack.restore([assigned({ committed: { offset: 0, metadata: 'dispatches=0' } })], never);
    expect(givenBack.remembered).toBe(givenBackMax);
    expect([givenBack.has(place(0), all[4]!), givenBack.has(place(1), all[5]!)]).toEqual([false, true]);
  });
});
