import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noColumns, type AuditRow, type DeliveryEffect, type DeliveryFacts } from './audit-row.ts';
import { deliveryKey, foldBatch, identitiesOf, type CountAddition, type FoldedDelivery } from './fold-batch.ts';
import { earlier, type Progress } from './fold-delivery.ts';

// The tables in memory: what the store does with a folded batch, in maps.
class MemoryTables {
  readonly identities = new Set<string>();
  readonly deliveries = new Map<string, FoldedDelivery>();
  readonly counts = new Map<string, CountAddition>();
  readonly flags: string[] = [];

  append(rows: readonly AuditRow[]): void {
    const isNew = new Set(
      identitiesOf(rows).flatMap(({ identity }) => (this.identities.has(identity) ? [] : identity)),
    );
    for (const identity of isNew) this.identities.add(identity);
    const known = new Map<string, Progress>();
    for (const [key, { progress }] of this.deliveries) if (progress !== undefined) known.set(key, progress);
    const folded = foldBatch(rows, isNew, known);
    for (const { duplicate, late } of folded.rows) this.flags.push(duplicate ? 'duplicate' : late ? 'late' : 'counted');
    for (const delivery of folded.deliveries) {
      const before = this.deliveries.get(deliveryKey(delivery));
      this.deliveries.set(deliveryKey(delivery), {
        ...delivery,
        facts: before === undefined ? delivery.facts : earlier(before.facts, delivery.facts),
        progress: delivery.progress ?? before?.progress,
      });
    }
    for (const count of folded.counts) {
      const key = JSON.stringify([count.project, count.endpoint, count.day]);
      const before = this.counts.get(key);
      this.counts.set(key, before === undefined ? count : add(before, count));
    }
  }

  state(): unknown {
    return { deliveries: sorted(this.deliveries), counts: sorted(this.counts) };
  }
}

const sorted = <V>(map: ReadonlyMap<string, V>): [string, V][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
const add = (a: CountAddition, b: CountAddition): CountAddition => ({
  ...a,
  success: a.success + b.success,
  fail: a.fail + b.fail,
  error: a.error + b.error,
  delivered: a.delivered + b.delivered,
  dead: a.dead + b.dead,
});

const day = Date.UTC(2030, 0, 1);

function facts(dispatch: string, seenMs: number, origin = 'test.events/0/1'): DeliveryFacts {
  return {
    project: 'prj',
    endpoint: `ep-${dispatch}`,
    event: `ev-${dispatch}`,
    eventType: 'a.b',
    subject: null,
    origin,
    seenMs,
  };
}

function row(identity: string, effects: DeliveryEffect[], recordedMs = day): AuditRow {
  return {
    offset: 0,
    recordedMs,
    key: null,
    value: null,
    columns: noColumns,
    responseExcerpt: null,
    unreadable: false,
    problem: null,
    identity,
    effects,
  };
}

const accepted = (dispatch: string, seenMs: number, origin: string): AuditRow =>
  row(`event:${origin}`, [{ kind: 'accepted', dispatch, facts: facts(dispatch, seenMs, origin) }]);

type Next = Extract<DeliveryEffect, { kind: 'settled' }>['next'];

function settled(dispatch: string, attempt: number, next: Next, recordedMs = day, round = 0): AuditRow {
  const status = next.kind === 'delivered' ? 'SUCCESS' : attempt % 2 === 0 ? 'ERROR' : 'FAIL';
  return row(
    `settled:${dispatch}.${round}.${attempt}`,
    [
      {
        kind: 'settled',
        dispatch,
        round,
        facts: facts(dispatch, day + 50 + attempt),
        attempt,
        status,
        outcome: next.kind === 'delivered' ? 'success' : 'http-status',
        httpStatus: next.kind === 'delivered' ? 200 : 500,
        startedMs: day + 50 + attempt,
        next,
      },
    ],
    recordedMs,
  );
}

const retry: Next = { kind: 'retry', dueMs: day + 5_000 };
const dead: Next = { kind: 'dead', reason: 'retries-exhausted' };

describe('foldBatch', () => {
  it('follows a delivery from pending through a retry to delivered', () => {
    const tables = new MemoryTables();
    tables.append([accepted('d', day, 'test.events/0/1')]);
    expect(tables.deliveries.get('d.0')).toMatchObject({ progress: undefined, facts: { seenMs: day } });
    tables.append([settled('d', 1, retry)]);
    expect(tables.deliveries.get('d.0')?.progress).toMatchObject({
      state: 'retrying',
      attempts: 1,
      nextDueMs: day + 5_000,
      settledMs: null,
    });
    tables.append([settled('d', 2, { kind: 'delivered' }, day + 9)]);
    expect(tables.deliveries.get('d.0')?.progress).toMatchObject({
      state: 'delivered',
      attempts: 2,
      nextDueMs: null,
      settledMs: day + 9,
    });
    expect([...tables.counts.values()]).toEqual([
      { project: 'prj', endpoint: 'ep-d', day: '2030-01-01', success: 1, fail: 1, error: 0, delivered: 1, dead: 0 },
    ]);
  });

  it('counts the first settlement of an attempt, though a later copy in the same batch says otherwise', () => {
    const tables = new MemoryTables();
    tables.append([settled('d', 1, retry), settled('d', 1, { kind: 'delivered' })]);
    expect(tables.flags).toEqual(['counted', 'duplicate']);
    expect(tables.deliveries.get('d.0')?.progress?.state).toBe('retrying');
    expect([...tables.counts.values()][0]).toMatchObject({ fail: 1, success: 0, delivered: 0 });
  });

  it('lets the first terminal record close the round, and flags what comes after it', () => {
    const tables = new MemoryTables();
    tables.append([settled('d', 1, { kind: 'delivered' })]);
    tables.append([settled('d', 2, dead)]);
    expect(tables.flags).toEqual(['counted', 'late']);
    expect(tables.deliveries.get('d.0')?.progress).toMatchObject({ state: 'delivered', attempts: 1 });
    expect([...tables.counts.values()][0]).toMatchObject({ success: 1, fail: 0, error: 0, delivered: 1, dead: 0 });
  });

  it('keeps a round open that another owner wanted to end after its attempt was settled: dispatch goes on with the retry', () => {
    const tables = new MemoryTables();
    const end: DeliveryEffect = {
      kind: 'ended',
      dispatch: 'd',
      round: 0,
      facts: facts('d', day),
      attempt: 1,
      state: 'dead',
      reason: 'endpoint-disabled',
    };
    tables.append([settled('d', 1, retry), row('settled:d.0.1', [end], day), settled('d', 2, { kind: 'delivered' })]);
    expect(tables.flags).toEqual(['counted', 'duplicate', 'counted']);
    expect(tables.deliveries.get('d.0')?.progress?.state).toBe('delivered');
  });

  it('keeps rounds apart: a replay opens a row of its own', () => {
    const tables = new MemoryTables();
    tables.append([settled('d', 1, dead), settled('d', 1, { kind: 'delivered' }, day, 1)]);
    expect(tables.deliveries.get('d.0')?.progress?.state).toBe('dead');
    expect(tables.deliveries.get('d.1')?.progress?.state).toBe('delivered');
  });

  it("counts on the day of the broker's time", () => {
    const tables = new MemoryTables();
    tables.append([settled('d', 1, retry, day - 1), settled('d', 2, { kind: 'delivered' }, day)]);
    expect([...tables.counts.values()].map((count) => [count.day, count.success, count.fail])).toEqual([
      ['2029-12-31', 0, 1],
      ['2030-01-01', 1, 0],
    ]);
  });

  it('counts a suppressed round nowhere and a dead one without an attempt as dead only', () => {
    const tables = new MemoryTables();
    const ended = (dispatch: string, state: 'dead' | 'suppressed'): AuditRow =>
      row(`settled:${dispatch}.0.1`, [
        { kind: 'ended', dispatch, round: 0, attempt: 1, facts: facts(dispatch, day), state, reason: 'expired' },
      ]);
    tables.append([ended('a', 'suppressed'), ended('b', 'dead')]);
    expect([...tables.counts.values()]).toEqual([
      { project: 'prj', endpoint: 'ep-b', day: '2030-01-01', success: 0, fail: 0, error: 0, delivered: 0, dead: 1 },
    ]);
  });

  // Two partitions of `audit` and one of `attempts` for one dispatch, each in its own order, any copy resent right behind.
  const logs = fc
    .record({
      acceptances: fc.array(
        fc.record({ seen: fc.integer({ min: 0, max: 100 }), offset: fc.integer({ min: 0, max: 5 }) }),
        { maxLength: 4 },
      ),
      attempts: fc.array(
        fc.oneof(
          {
            weight: 4,
            arbitrary: fc.record({ kind: fc.constant('retry' as const), attempt: fc.integer({ min: 1, max: 5 }) }),
          },
          {
            weight: 2,
            arbitrary: fc.record({
              kind: fc.constantFrom('delivered' as const, 'dead' as const),
              attempt: fc.integer({ min: 1, max: 5 }),
            }),
          },
          {
            weight: 1,
            arbitrary: fc.record({
              kind: fc.constantFrom('ended' as const, 'deferred' as const),
              attempt: fc.integer({ min: 1, max: 5 }),
            }),
          },
        ),
        { maxLength: 10 },
      ),
    })
    .map(({ acceptances, attempts }) => {
      const all = acceptances.map(({ seen, offset }) => ({
        offset,
        row: accepted('d', day + seen, `test.events/${offset % 2}/${offset}`),
      }));
      const moves = attempts.map(({ kind, attempt }, index): AuditRow => {
        const recordedMs = day + index;
        if (kind === 'retry') return settled('d', attempt, retry, recordedMs);
        if (kind === 'delivered') return settled('d', attempt, { kind }, recordedMs);
        if (kind === 'dead') return settled('d', attempt, dead, recordedMs);
        const move = { dispatch: 'd', round: 0, facts: facts('d', recordedMs), reason: 'paused' };
        return kind === 'ended'
          ? row(`settled:d.0.${attempt}`, [{ kind, ...move, attempt, state: 'dead' }], recordedMs)
          : row(`deferred:d.0.${attempt}/0`, [{ kind, ...move, dueMs: recordedMs }], recordedMs);
      });
      return [
        all.filter(({ offset }) => offset % 2 === 0).map((a) => a.row),
        all.filter(({ offset }) => offset % 2 === 1).map((a) => a.row),
        moves,
      ];
    });

  it('comes to the same deliveries and counts in any interleaving of the logs, cut into any batches', () => {
    fc.assert(
      fc.property(
        logs,
        fc.infiniteStream(fc.nat({ max: 2 })),
        fc.infiniteStream(fc.integer({ min: 1, max: 4 })),
        (partitions, turns, sizes) => {
          const inOrder = new MemoryTables();
          for (const partition of partitions) inOrder.append(partition);

          const mixed = new MemoryTables();
          const left = partitions.map((partition) => [...partition]);
          while (left.some((partition) => partition.length > 0)) {
            const partition = left[turns.next().value as number]!;
            const batch = partition.splice(0, sizes.next().value as number);
            if (batch.length > 0) mixed.append(batch);
          }
          expect(mixed.state()).toEqual(inOrder.state());
        },
      ),
      { numRuns: 500 },
    );
  });

  it('comes to the same when any record is written again at any later place of its log', () => {
    fc.assert(
      fc.property(
        logs,
        fc.array(fc.record({ which: fc.nat(), later: fc.nat() }), { maxLength: 6 }),
        (partitions, copies) => {
          const once = new MemoryTables();
          for (const partition of partitions) once.append(partition);

          const again = new MemoryTables();
          for (const partition of partitions) {
            const rows = [...partition];
            for (const { which, later } of copies) {
              if (rows.length === 0) continue;
              const at = which % rows.length;
              rows.splice(at + 1 + (later % (rows.length - at)), 0, rows[at]!);
            }
            for (const each of rows) again.append([each]);
          }
          expect(again.state()).toEqual(once.state());
        },
      ),
      { numRuns: 500 },
    );
  });
});
