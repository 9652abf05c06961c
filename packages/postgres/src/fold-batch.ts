// What a batch of rows of one partition comes to, given what is known already: which rows count, where deliveries stand,
// and what is added to the day's counts. Pure: the store reads before it and writes after it.

import type { AuditRow, DeliveryEffect, DeliveryFacts } from './audit-row.ts';
import { dayMs } from './limits.ts';
import { advance, attemptsMarkedMax, earlier, isMarked, marked, untouched, type Progress } from './fold-delivery.ts';

export interface DeliveryKey {
  readonly dispatch: string;
  readonly round: number;
}

export interface FoldedRow {
  readonly row: AuditRow;
  readonly duplicate: boolean;
  readonly late: boolean;
}

/** A delivery that the batch speaks of. Without progress: only that it exists. */
export interface FoldedDelivery extends DeliveryKey {
  readonly facts: DeliveryFacts;
  readonly progress: Progress | undefined;
}

export interface CountAddition {
  readonly project: string;
  readonly endpoint: string;
  /** UTC day of the broker's time, `YYYY-MM-DD`. */
  readonly day: string;
  readonly success: number;
  readonly fail: number;
  readonly error: number;
  readonly delivered: number;
  readonly dead: number;
}

export interface FoldedBatch {
  readonly rows: readonly FoldedRow[];
  /** In order of dispatch and round, so that two writers lock rows in one order. */
  readonly deliveries: readonly FoldedDelivery[];
  /** In order of project, endpoint and day, for the same reason. */
  readonly counts: readonly CountAddition[];
}

export const deliveryKey = ({ dispatch, round }: DeliveryKey): string => `${dispatch}.${round}`;

/**
 * Identities of a batch, each once; without those of settlements that the progress of their
 * delivery tells from their copies.
 */
export function identitiesOf(rows: readonly AuditRow[]): { readonly identity: string; readonly recordedMs: number }[] {
  const first = new Map<string, number>();
  for (const row of rows) {
    if (row.identity !== null && !first.has(row.identity) && markedSettlement(row) === undefined) {
      first.set(row.identity, row.recordedMs);
    }
  }
  return Array.from(first, ([identity, recordedMs]) => ({ identity, recordedMs }));
}

/** Says what became of an attempt; of several the first stands. */
type Settlement = Extract<DeliveryEffect, { kind: 'settled' | 'ended' }>;

const isSettlement = (effect: DeliveryEffect): effect is Settlement =>
  effect.kind === 'settled' || effect.kind === 'ended';

function markedSettlement({ effects }: AuditRow): Settlement | undefined {
  const settled = effects.find(isSettlement);
  return settled !== undefined && settled.attempt <= attemptsMarkedMax ? settled : undefined;
}

export interface MovedKeys {
  /** Whose progress must be known before folding. */
  readonly toRead: readonly DeliveryKey[];
  /** Of which the batch also says how they came to be: nothing stands of them, unless a record came twice or out of turn. */
  readonly fresh: ReadonlyMap<string, DeliveryKey>;
  /** Moved for the first time by what it says of them: an append before made them, and nothing else, unless as above. */
  readonly untouched: ReadonlyMap<string, DeliveryKey>;
}

/**
 * Deliveries that the batch moves.
 * @param bold false: none is taken for untouched
 */
export function movedKeys(rows: readonly AuditRow[], bold: boolean): MovedKeys {
  const moved = new Map<string, { readonly key: DeliveryKey; readonly isFirst: boolean }>();
  const accepted = new Set<string>();
  for (const { effects } of rows) {
    for (const effect of effects) {
      if (effect.kind === 'accepted') {
        accepted.add(deliveryKey({ dispatch: effect.dispatch, round: 0 }));
        continue;
      }
      const id = deliveryKey(effect);
      if (moved.has(id)) continue;
      const isFirst = isSettlement(effect) && effect.attempt === 1 && effect.round === 0;
      moved.set(id, { key: { dispatch: effect.dispatch, round: effect.round }, isFirst });
    }
  }
  const toRead: DeliveryKey[] = [];
  const fresh = new Map<string, DeliveryKey>();
  const untouched = new Map<string, DeliveryKey>();
  for (const [id, { key, isFirst }] of moved) {
    if (accepted.has(id)) fresh.set(id, key);
    else if (bold && isFirst) untouched.set(id, key);
    else toRead.push(key);
  }
  return { toRead, fresh, untouched };
}

/**
 * @param rows in partition order
 * @param isNew identities that no earlier batch had, of those of `identitiesOf`
 * @param known progress by `deliveryKey` as the tables have it; absent: nothing yet
 */
export function foldBatch(
  rows: readonly AuditRow[],
  isNew: ReadonlySet<string>,
  known: ReadonlyMap<string, Progress>,
): FoldedBatch {
  const unseen = new Set(isNew);
  const deliveries = new Map<string, FoldedDelivery>();
  const counts = new Map<string, CountAddition>();

  const progressOf = (id: string): Progress => deliveries.get(id)?.progress ?? known.get(id) ?? untouched;
  const isCopy = (row: AuditRow): boolean => {
    const settled = markedSettlement(row);
    if (settled !== undefined) return isMarked(progressOf(deliveryKey(settled)).settledAttempts, settled.attempt);
    return row.identity !== null && !unseen.delete(row.identity);
  };

  const folded = rows.map((row): FoldedRow => {
    if (isCopy(row)) return { row, duplicate: true, late: false };
    let late = false;
    for (const effect of row.effects) {
      const key = effect.kind === 'accepted' ? { dispatch: effect.dispatch, round: 0 } : effect;
      const id = deliveryKey(key);
      const before = deliveries.get(id);
      const facts = before === undefined ? effect.facts : earlier(before.facts, effect.facts);
      let progress = before?.progress;
      if (effect.kind !== 'accepted') {
        const from = progressOf(id);
        const moved = advance(from, effect, row.recordedMs);
        late ||= moved === undefined;
        progress = moved ?? lateMarked(from, effect);
        if (moved !== undefined) addCounts(counts, effect, row.recordedMs);
      }
      deliveries.set(id, { dispatch: key.dispatch, round: key.round, facts, progress });
    }
    return { row, duplicate: false, late };
  });

  return {
    rows: folded,
    deliveries: [...deliveries.values()].sort((a, b) => byText(a.dispatch, b.dispatch) || a.round - b.round),
    counts: [...counts.values()].sort(
      (a, b) => byText(a.project, b.project) || byText(a.endpoint, b.endpoint) || byText(a.day, b.day),
    ),
  };
}

/** A late settlement changes nothing but that its copies are known for copies. */
function lateMarked(progress: Progress, effect: DeliveryEffect): Progress {
  if (!isSettlement(effect)) return progress;
  return { ...progress, settledAttempts: marked(progress.settledAttempts, effect.attempt) };
}

/** `YYYY-MM-DD` of the UTC day. */
export function utcDay(epochMs: number): string {
  const number = Math.floor(epochMs / dayMs);
  if (number !== lastDay.number) lastDay = { number, text: new Date(epochMs).toISOString().slice(0, 10) };
  return lastDay.text;
}

/** Records come day after day, by the thousand: their day is written out once. */
let lastDay = { number: 0, text: '1970-01-01' };

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function addCounts(counts: Map<string, CountAddition>, effect: DeliveryEffect, recordedMs: number): void {
  const settled = effect.kind === 'settled' ? effect : undefined;
  const dead = settled?.next.kind === 'dead' || (effect.kind === 'ended' && effect.state === 'dead');
  if (settled === undefined && !dead) return;
  const { project, endpoint } = effect.facts;
  const day = utcDay(recordedMs);
  const id = `${day}\0${project}\0${endpoint}`;
  const before = counts.get(id) ?? { project, endpoint, day, success: 0, fail: 0, error: 0, delivered: 0, dead: 0 };
  counts.set(id, {
    ...before,
    success: before.success + Number(settled?.status === 'SUCCESS'),
    fail: before.fail + Number(settled?.status === 'FAIL'),
    error: before.error + Number(settled?.status === 'ERROR'),
    delivered: before.delivered + Number(settled?.next.kind === 'delivered'),
    dead: before.dead + Number(dead),
  });
}
