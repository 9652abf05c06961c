// Late work waits for what the log says of it; nothing else of the partition does.

import type { AttemptsRecord } from '@postrider/core/contracts';
import type { AttemptId, Dispatch } from '@postrider/core/domain';
import { beforeEach, expect, it } from 'vitest';
import type { AttemptsEntry, AttemptsReader } from './attempts-reader.ts';
import { settle } from './dispatcher-rig.ts';
import { LateRecords } from './late-records.ts';
import { PartitionState } from './partition-state.ts';
import { workOf, type Work } from './work.ts';

const minute = 60_000;
const startMs = 1_900_000_000_000;

let log: AttemptsEntry[];
let state: PartitionState;
let taken: string[];
let readings: { readonly range: string; answer(): void }[];
let late: LateRecords;

const idOf = (n: number): AttemptId => `dsp_${n}.0.1` as AttemptId;

function settled(n: number): void {
  const record = { type: 'AttemptSettled', attemptId: idOf(n), disposition: { kind: 'delivered' } };
  log.push({
    record: record as AttemptsRecord,
    offset: log.length,
    timestampMs: startMs + log.length * 1_000,
    reply: undefined,
  });
}

/** Settled by this owner, whose window turns as often as it can. */
function go(from: number, to: number): void {
  for (let n = from; n < to; n += 1) {
    settled(n);
    const atMs = startMs + log.length * 1_000;
    state.window.settle(idOf(n), { atMs, logEnd: log.length, positionMs: startMs + log.length * 20_000 });
  }
}

/** Due at a time after the start, and given to us ten minutes after it. */
function work(n: number, dueMs: number): Work {
  const dispatch = { dispatchId: `dsp_${n}`, round: 0, attempt: 1, park: 0, dueMs: startMs + dueMs };
  const record = { topic: 'dispatches', partition: 0, offset: n, timestamp: startMs + 10 * minute };
  return workOf(dispatch as unknown as Dispatch, record as never, state, () => undefined, 0);
}

const reader: AttemptsReader = {
  read: (_partition, { from, to = log.length }, onRecord) =>
    new Promise((resolve) => {
      const answer = (): void => {
        log.slice(from, to).forEach(onRecord);
        resolve(to);
      };
      readings.push({ range: `${from}-${to}`, answer });
    }),
  offsetAt: (_partition, timestampMs) => {
    const at = log.findIndex((entry) => entry.timestampMs >= timestampMs);
    return Promise.resolve(at < 0 ? log.length : at);
  },
};

beforeEach(async () => {
  log = [];
  taken = [];
  readings = [];
  state = new PartitionState(0, { generation: 1, member: 'm-1' }, 0, { settledMax: 4, archivedMax: 1_000 });
  for (let n = 0; n < 300; n += 1) settled(n);
  state.window.restored({ fromMs: startMs + 5 * minute, offset: 300 });
  late = new LateRecords({
    reader,
    onExtended: (_partition, records) => taken.push(`read ${records}`),
    take: ({ attemptId, state: of }) => taken.push(`${attemptId} ${of.window.look(attemptId)}`),
    perform: (reading) => void reading,
  });
  await settle();
});

it('is judged when the log was read, one reading for all that came meanwhile; work in time does not wait', async () => {
  late.accept(work(100, minute));
  await settle();
  late.accept(work(101, minute));
  late.accept(work(1_000, 2 * minute));
  late.accept(work(2_000, 10 * minute));
  expect(taken).toEqual(['dsp_2000.0.1 new']);
  expect(readings.map(({ range }) => range)).toEqual(['0-300']);
  readings[0]!.answer();
  await settle();
  // The archive is certain of one that waited, and has the other looked up.
  expect(taken.slice(1)).toEqual(['read 300', 'dsp_100.0.1 settled', 'dsp_1000.0.1 new']);
  readings[1]!.answer();
  await settle();
  expect(taken.slice(4)).toEqual(['read 300', 'dsp_101.0.1 settled']);
});

it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  'is not judged by what the window forgets %i steps after the last record was read',
  async (steps) => {
    go(300, 304);
    expect(state.window.look(idOf(302))).toBe('settled');
    late.accept(work(302, minute));
    await settle();
    readings[0]!.answer();
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    go(304, 330);
    await settle();
    for (let n = 1; n < readings.length; n += 1) {
      readings[n]!.answer();
      await settle();
    }
    expect(taken.at(-1)).toBe('dsp_302.0.1 settled');
  },
);

it('is all that is read a second time, since its log was cut, though it was written in time', async () => {
  const inTime = (n: number): Work => {
    const one = work(n, minute);
    return { ...one, record: { ...one.record, timestamp: startMs + minute } };
  };
  late.accept(inTime(100));
  expect(taken).toEqual(['dsp_100.0.1 new']);
  state.wasCut(102);
  late.accept(inTime(101));
  await settle();
  expect(taken).toHaveLength(1);
  readings[0]!.answer();
  await settle();
  readings[1]?.answer();
  await settle();
  expect(taken.at(-1)).toBe('dsp_101.0.1 settled');
  late.accept(inTime(102));
  expect(taken.at(-1)).toBe('dsp_102.0.1 new');
});

it('is dropped with its partition', async () => {
  late.accept(work(100, minute));
  await settle();
  late.forget(state);
  readings[0]!.answer();
  await settle();
  expect(taken).toEqual(['read 300']);
});
