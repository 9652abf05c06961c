// Sums over rows and tables against the fold of the projection itself: what it makes of records is agreed to, and what was changed
// afterwards is not, unless the change is one that counting anew would not see either.

import { BinaryRows, recordField as f } from '@postrider/postgres';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FoldRows, FoldTables } from './fold-facts.ts';

const key = [0x1234_5678, 0x9abc_def0 | 0, 0x0f1e_2d3c, 0x4b5a_6978] as const;

interface Fact {
  dispatch: string;
  round: number;
  attempt: number;
  endpoint: string;
  made: boolean;
  status: 'SUCCESS' | 'FAIL' | 'ERROR';
  disposition: 'delivered' | 'dead' | 'suppressed' | 'retry';
  reason: string | null;
  micros: number;
  duplicate: boolean;
  late: boolean;
}

interface DeliveryRow {
  dispatch: string;
  round: number;
  state: string;
  reason: string | null;
  attempts: number;
  settled: number | null;
  marks: number | null;
}

interface CountRow {
  endpoint: string;
  day: number;
  counts: number[];
}

const int = (bytes: 4 | 8, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 4) buffer.writeInt32BE(value);
  else buffer.writeBigInt64BE(BigInt(value));
  return buffer;
};

function rowsOf(rows: readonly (readonly (Buffer | null)[])[]): BinaryRows {
  const cursor = new BinaryRows();
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  rows.forEach((fields, index) => {
    const count = Buffer.alloc(2);
    count.writeInt16BE(fields.length);
    const row = fields.flatMap((field) => (field === null ? [int(4, -1)] : [int(4, field.length), field]));
    const content = Buffer.concat([...(index === 0 ? [header] : []), count, ...row]);
    cursor.push(Buffer.concat([Buffer.from('d'), int(4, content.length + 4), content]));
  });
  return cursor;
}

const text = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value));

function recordRow(fact: Fact): (Buffer | null)[] {
  const fields: (Buffer | null)[] = Object.keys(f).map(() => null);
  fields[f.recorded_at] = int(8, fact.micros);
  fields[f.duplicate] = Buffer.from([Number(fact.duplicate)]);
  fields[f.late] = Buffer.from([Number(fact.late)]);
  fields[f.type] = text(fact.made ? 'AttemptSettled' : 'DispatchEnded');
  fields[f.dispatch] = text(fact.dispatch);
  fields[f.round] = int(4, fact.round);
  fields[f.attempt] = int(4, fact.attempt);
  fields[f.project] = text('prj');
  fields[f.endpoint] = text(fact.endpoint);
  fields[f.status] = fact.made ? text(fact.status) : null;
  fields[f.disposition] = text(fact.disposition);
  fields[f.reason] = text(fact.reason);
  return fields;
}

const microsPerDay = 86_400_000_000;

/** Marks the rows and makes the tables, as the projection does. */
function fold(facts: Fact[]): { deliveries: DeliveryRow[]; counts: CountRow[] } {
  const deliveries = new Map<string, DeliveryRow>();
  const counts = new Map<string, CountRow>();
  for (const fact of facts) {
    const { dispatch, round, attempt, endpoint, made, status, disposition } = fact;
    const id = `${dispatch}.${round}`;
    const fresh = { dispatch, round, state: 'pending', reason: null, attempts: 0, settled: null, marks: 0 };
    const delivery: DeliveryRow = deliveries.get(id) ?? fresh;
    deliveries.set(id, delivery);
    const mark = 2 ** (attempt - 1);
    fact.duplicate = Math.floor(delivery.marks! / mark) % 2 === 1;
    fact.late = !fact.duplicate && delivery.settled !== null;
    if (fact.duplicate) continue;
    delivery.marks! += mark;
    if (fact.late) continue;
    if (made) delivery.attempts += 1;
    if (disposition === 'retry') delivery.state = 'retrying';
    else {
      delivery.state = disposition;
      delivery.reason = fact.reason;
      delivery.settled = fact.micros;
    }
    if (!made && disposition !== 'dead') continue;
    const day = Math.floor(fact.micros / microsPerDay);
    const place = `${endpoint}/${String(day).padStart(6, '0')}`;
    const count: CountRow = counts.get(place) ?? { endpoint, day, counts: [0, 0, 0, 0, 0] };
    counts.set(place, count);
    if (made) count.counts[['SUCCESS', 'FAIL', 'ERROR'].indexOf(status)]! += 1;
    if (disposition === 'delivered') count.counts[3]! += 1;
    if (disposition === 'dead') count.counts[4]! += 1;
  }
  const byKey = <Row>(map: ReadonlyMap<string, Row>): Row[] =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return { deliveries: byKey(deliveries), counts: byKey(counts) };
}

interface Agreed {
  readonly agree: boolean;
  readonly suspects: readonly string[];
}

type OpenRow = Pick<DeliveryRow, 'dispatch' | 'round' | 'state'>;
const seen = 86_400_000_000;

/** What `delivery_open` holds beside these. */
const undelivered = (deliveries: readonly DeliveryRow[]): OpenRow[] =>
  deliveries.filter(({ state }) => state !== 'delivered').map((row) => ({ ...row }));

function agreement(
  facts: readonly Fact[],
  deliveries: readonly DeliveryRow[],
  counts: readonly CountRow[],
  open: readonly OpenRow[] = undelivered(deliveries),
): Agreed {
  const rows = new FoldRows(key);
  const records = rowsOf(facts.map(recordRow));
  while (records.next()) rows.take(records);
  const parts = rows.finish();
  const tables = new FoldTables(key);
  const ofDeliveries = rowsOf(
    deliveries.map(({ dispatch, round, state, reason, attempts, settled, marks }) => [
      text(dispatch),
      int(4, round),
      text(state),
      text(reason),
      int(4, attempts),
      settled === null ? null : int(8, settled),
      marks === null ? null : int(8, marks),
      int(8, seen),
    ]),
  );
  while (ofDeliveries.next()) tables.takeDelivery(ofDeliveries);
  tables.begin();
  const ofOpen = rowsOf(
    open.map(({ dispatch, round, state }) => [text(dispatch), int(4, round), text(state), int(8, seen)]),
  );
  while (ofOpen.next()) tables.takeOpen(ofOpen);
  tables.begin();
  const ofCounts = rowsOf(
    counts.map(({ endpoint, day, counts: of }) => [
      text('prj'),
      text(endpoint),
      int(4, day),
      ...of.map((count) => int(8, count)),
    ]),
  );
  while (ofCounts.next()) tables.takeCount(ofCounts);
  tables.addRows(parts);
  return { agree: parts.sure && tables.agree(), suspects: parts.suspects };
}

const factArbitrary = fc
  .record({
    dispatch: fc.constantFrom('dsp_a', 'dsp_b', 'dsp_c', 'dsp_dd'),
    round: fc.nat(1),
    attempt: fc.integer({ min: 1, max: 4 }),
    endpoint: fc.constantFrom('ep_1', 'ep_2'),
    made: fc.boolean(),
    status: fc.constantFrom('SUCCESS', 'FAIL', 'ERROR'),
    disposition: fc.constantFrom('delivered', 'dead', 'suppressed', 'retry', 'retry'),
    micros: fc.nat(3 * microsPerDay),
  })
  .map((fact): Fact => {
    const { made, disposition } = fact;
    const ended = !made && (disposition === 'delivered' || disposition === 'retry') ? 'dead' : disposition;
    const reason = ended === 'dead' || ended === 'suppressed' ? 'some-reason' : null;
    return { ...fact, disposition: ended, reason, duplicate: false, late: false };
  });
const factsArbitrary = fc.array(factArbitrary, { minLength: 1, maxLength: 20 });

describe('the sums of rows and tables', () => {
  it('agree on what the projection makes of them', () => {
    fc.assert(
      fc.property(factsArbitrary, (facts) => {
        const { deliveries, counts } = fold(facts);
        expect(agreement(facts, deliveries, counts).agree).toBe(true);
      }),
    );
  });

  it('do not agree on a table in which anything was changed', () => {
    fc.assert(
      fc.property(factsArbitrary, fc.nat(), fc.constantFrom(0, 1, 2, 3, 4, 5), (facts, which, how) => {
        const { deliveries, counts } = fold(facts);
        const delivery = deliveries[which % deliveries.length]!;
        const count = counts[which % Math.max(1, counts.length)];
        if (how === 0) delivery.attempts += 1;
        else if (how === 1 && delivery.settled !== null) delivery.settled += 1;
        else if (how === 2 && delivery.settled !== null)
          delivery.state = delivery.state === 'dead' ? 'delivered' : 'dead';
        else if (how === 3) deliveries.splice(which % deliveries.length, 1);
        else if (how === 4 && count !== undefined) count.counts[which % 5]! += 1;
        else if (how === 5 && count !== undefined) counts.splice(counts.indexOf(count) + 1, 0, { ...count });
        else fc.pre(false);
        expect(agreement(facts, deliveries, counts).agree).toBe(false);
      }),
    );
  });

  it('do not agree when an undelivered one is not listed, or as something else, or one is that is none', () => {
    fc.assert(
      fc.property(factsArbitrary, fc.nat(), fc.constantFrom(0, 1, 2), (facts, which, how) => {
        const { deliveries, counts } = fold(facts);
        const open = undelivered(deliveries);
        const at = which % Math.max(1, open.length);
        const row = open[at];
        if (how === 0 && row !== undefined) open.splice(at, 1);
        else if (how === 1 && row !== undefined) row.state = row.state === 'dead' ? 'retrying' : 'dead';
        else if (how === 2) open.push({ dispatch: 'dsp_zzz', round: 0, state: 'dead' });
        else fc.pre(false);
        expect(agreement(facts, deliveries, counts, open).agree).toBe(false);
      }),
    );
  });

  it('do not agree, or name the dispatch, when a flag was changed and the tables were made to fit', () => {
    fc.assert(
      fc.property(factsArbitrary, fc.nat(), fc.boolean(), (facts, which, ofCopies) => {
        fold(facts);
        const fact = facts[which % facts.length]!;
        const { duplicate, late } = fact;
        if (ofCopies) fact.duplicate = !duplicate;
        else fact.late = !late;
        // Whatever the tables are made to say, each delivery stands once and each attempt has one mark.
        const { deliveries, counts } = trusting(facts);
        const { agree, suspects } = agreement(facts, deliveries, counts);
        expect(agree && !suspects.includes(fact.dispatch)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

/** Tables that a forger makes of rows by their flags. */
function trusting(facts: readonly Fact[]): { deliveries: DeliveryRow[]; counts: CountRow[] } {
  const flags = facts.map(({ duplicate, late }) => ({ duplicate, late }));
  const counted = facts.filter((_, index) => !flags[index]!.duplicate && !flags[index]!.late);
  const copies = counted.map((fact) => ({ ...fact }));
  const { deliveries, counts } = fold(copies);
  for (const [index, fact] of facts.entries()) {
    if (!flags[index]!.late || flags[index]!.duplicate) continue;
    const delivery = deliveries.find(({ dispatch, round }) => dispatch === fact.dispatch && round === fact.round);
    const mark = 2 ** (fact.attempt - 1);
    if (delivery !== undefined && Math.floor(delivery.marks! / mark) % 2 === 0) delivery.marks! += mark;
  }
  return { deliveries, counts };
}
