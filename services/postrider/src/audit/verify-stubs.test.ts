// Stubs against the closing records that sealed them: every way in which a set of them can be wrong, with its first bad one.

import { stubDigestNext, stubDigestStart, type ClassClosed } from '@postrider/core/contracts';
import type { StoredClosing, StoredStub } from '@postrider/postgres';
import { describe, expect, it } from 'vitest';
import { StubCheck } from './verify-stubs.ts';

const environment = 'live';
const topic = 'live.attempts';
const hashOf = (number: number): string => number.toString(16).padStart(64, '0');

interface Sealing {
  readonly name: string;
  readonly partition?: number;
  readonly offsets: readonly number[];
  /** Of the closing record. */
  readonly at: number;
}

/** The stubs that a closing leaves, and the closing. */
function sealed({ name, partition = 0, offsets, at }: Sealing): { stubs: StoredStub[]; closing: StoredClosing } {
  const day = '2026-01-31';
  let digest = stubDigestStart({ environment, topic, partition, day, class: name });
  const stubs = offsets.map((offset): StoredStub => {
    const stub = {
      offset,
      recordedMs: 1_769_860_800_000 + offset,
      origin: null,
      project: name,
      previous: hashOf(offset),
      chain: hashOf(offset + 1),
    };
    digest = stubDigestNext(digest, stub);
    return { ...stub, topic, partition, digest, closedPartition: 1, closedOffset: at };
  });
  const closing: ClassClosed = {
    type: 'ClassClosed',
    at: '2026-03-02T00:00:00.000Z',
    actor: 'ann',
    reason: 'old',
    day,
    class: name,
    topic,
    partition,
    from: offsets[0]!,
    next: offsets.at(-1)! + 1,
    rows: offsets.length,
    digest,
  };
  return { stubs, closing: { partition: 1, offset: at, closing } };
}

const trial = sealed({ name: 'trial', offsets: [3, 5, 9], at: 40 });
const gold = sealed({ name: 'gold', offsets: [4, 8], at: 41 });

function problemsOf(stubs: readonly StoredStub[], closings = [trial.closing, gold.closing]) {
  const check = new StubCheck(environment, closings);
  for (const stub of stubs.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) check.take(stub);
  return check.finish().map(({ kind, offset }) => [kind, offset]);
}

const changed = (offset: number, change: Partial<StoredStub>): StoredStub[] =>
  trial.stubs.map((stub) => (stub.offset === offset ? { ...stub, ...change } : stub));

describe('stubs', () => {
  it('are those of their closing records, of several classes in one partition and of several partitions', () => {
    const other = sealed({ name: 'trial', partition: 2, offsets: [1], at: 42 });
    const closings = [trial.closing, gold.closing, other.closing];
    expect(problemsOf([...trial.stubs, ...gold.stubs, ...other.stubs], closings)).toEqual([]);
  });

  it('need not stand behind every closing record: the records may stand still, or another one followed', () => {
    expect(problemsOf(gold.stubs)).toEqual([]);
  });

  it.each([
    ['place', { recordedMs: 1_769_860_800_000 }],
    ['origin', { origin: 'live.events/0/1' }],
    ['project', { project: 'gold' }],
    ['hash before', { previous: null }],
    ['hash', { chain: hashOf(4_711) }],
    ['digest', { digest: hashOf(4_711) }],
    ['time, finer than a broker tells it', { recordedMs: 1_769_860_800_005.001 }],
  ] as const)('are named from the first whose %s is another', (_what, change) => {
    expect(problemsOf(changed(5, change))).toEqual([['stub-altered', 5]]);
  });

  it('are named when one is missing: in front, between and at the end', () => {
    const without = (offset: number) => problemsOf(trial.stubs.filter((stub) => stub.offset !== offset));
    expect([without(3), without(5), without(9)]).toEqual([
      [['stub-missing', 3]],
      [['stub-missing', 4]],
      [['stub-missing', 6]],
    ]);
  });

  it('are named when one is too many, in the middle or at the end', () => {
    const extra = (offset: number) => problemsOf([...trial.stubs, { ...trial.stubs[0]!, offset }]);
    expect([extra(7), extra(12)]).toEqual([[['stub-inserted', 7]], [['stub-inserted', 12]]]);
  });

  it('are named when no closing record of their partition is where they say', () => {
    expect(problemsOf(trial.stubs, [gold.closing])).toEqual([
      ['stub-inserted', 3],
      ['stub-inserted', 5],
      ['stub-inserted', 9],
    ]);
    const elsewhere = trial.stubs.map((stub) => ({ ...stub, partition: 7 }));
    expect(problemsOf(elsewhere)).toHaveLength(3);
  });

  it('are named when all of their digests were computed anew, or the closing record says another', () => {
    const forged = sealed({ name: 'trial', offsets: [3, 6, 9], at: 40 });
    expect(problemsOf(forged.stubs)).toEqual([['stub-altered', 3]]);
    const closing = { ...trial.closing, closing: { ...trial.closing.closing, digest: hashOf(1) } };
    expect(problemsOf(trial.stubs, [closing])).toEqual([['stub-altered', 3]]);
  });
});
