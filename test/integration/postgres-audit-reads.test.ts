// The read side on a real server: a delivery is found by whatever id somebody holds, a page costs what its own rows cost.

import { auditRowOf } from '@postrider/audit-projector';
import type { EventId } from '@postrider/core/domain';
import {
  exportAttempts,
  migrate,
  openAuditReads,
  openAuditStore,
  openDatabase,
  type AuditReads,
  type Database,
  type DeliveryQuery,
} from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, idsOf, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { batchOf, claim } from '../support/audit-tables.ts';
import { createTestDatabase } from '../support/stack.ts';

const environment = 'live';
const now = Date.UTC(2030, 4, 2, 12);
const samples = Array.from({ length: 23 }, (_, number): Sample => ({
  environment,
  number,
  endpoint: `ep_${number % 3}`,
  atMs: now - 60_000 + number * 10,
}));
const first = idsOf(samples[0]!);
/** Ids that look like a place in the log, and are none. */
const placeLike = { event: 'orders/2030/17', subject: 'orders/2030/18', lonely: 'orders/2030/19' };

let database: Database;
let reads: AuditReads;

beforeAll(async () => {
  const url = await createTestDatabase('auditreads');
  await migrate(url);
  database = openDatabase({ url });
  reads = openAuditReads(database, environment);
  const store = openAuditStore(database, { now: () => now });
  const unmatched = {
    type: 'EventUnmatched',
    origin: 'live.events/0/900',
    at: '2030-05-02T11:00:00.000Z',
    source: 's',
    event: 'evt_lonely',
    eventType: 't',
    project: 'p',
    reason: 'no-endpoint',
  };
  const logs = {
    audit: [
      ...samples.map(acceptedRecord),
      Buffer.from(JSON.stringify(unmatched)),
      Buffer.from(JSON.stringify({ ...unmatched, origin: 'live.events/0/901', event: placeLike.lonely })),
    ],
    attempts: samples.flatMap((sample) =>
      sample.number % 4 === 0
        ? [settledRecord(sample, { attempt: 1, next: 'retry' }), settledRecord(sample, { attempt: 2, next: 'dead' })]
        : [settledRecord(sample, { attempt: 1, next: 'delivered' })],
    ),
  };
  for (const [name, records] of Object.entries(logs)) {
    const topic = `${environment}.${name}`;
    await store.claimOffsets(environment, [{ topic, partition: 0, start: 0 }]);
    const rows = records.map((record, offset) => auditRowOf(logRecord(record, { offset, timestamp: now + offset })));
    await store.append({ environment, topic, partition: 0, expectedNext: 0, next: rows.length, rows });
  }
  const elsewhere = { ...samples[0]!, environment: 'placelike' };
  const placed = { ...acceptedRecord(elsewhere), event: placeLike.event as EventId, subject: placeLike.subject };
  await claim(store, 'placelike', 'audit');
  await store.append(batchOf('placelike', 'audit', 0, [placed], now));
});
afterAll(() => database.close());

describe('an id that has the form of a place in the log', () => {
  it.each([placeLike.event, placeLike.subject])('finds the delivery whose event or subject it is: %s', async (id) => {
    const { deliveries } = await openAuditReads(database, 'placelike').findDeliveries({ id });
    expect(deliveries).toMatchObject([{ event: placeLike.event, subject: placeLike.subject }]);
  });

  it('finds the records of an event that led to nothing', async () => {
    expect(await reads.eventRecords(placeLike.lonely)).toMatchObject([{ event: placeLike.lonely }]);
    expect(await reads.eventRecords('live.events/0/901')).toMatchObject([{ event: placeLike.lonely }]);
  });
});

describe('findDeliveries', () => {
  it.each([
    ['its dispatch id', first.dispatch],
    ['an attempt id', `${first.dispatch}.0.2`],
    ['the event id', first.event],
    ['the subject', first.subject],
    ['where the event stood upstream', first.origin],
    ['where an audit record of it stands', 'live.attempts/0/1'],
    ['where its event was accepted', 'live.audit/0/0'],
  ])('finds a delivery by %s', async (_, id) => {
    const { deliveries, next } = await reads.findDeliveries({ id });
    expect(next).toBeUndefined();
    expect(deliveries).toEqual([
      {
        environment,
        dispatch: first.dispatch,
        round: 0,
        project: 'prj_1',
        endpoint: 'ep_0',
        event: first.event,
        eventType: 'kyc.approved',
        subject: first.subject,
        origin: first.origin,
        state: 'dead',
        reason: 'retries-exhausted',
        attempts: 2,
        lastHttpStatus: 500,
        lastOutcome: 'http-status',
        lastAttemptAt: new Date(now - 58_000),
        nextDue: null,
        firstSeen: new Date(now - 60_000),
        settledAt: new Date(now + 1),
      },
    ]);
  });

  it.each([
    'dsp_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    `${first.dispatch}.9.1`,
    `${first.dispatch}.99999999999.1`,
    'nothing',
    'live.events/0/77777',
    'live.attempts/4294967295/1',
    '',
    'a\0',
  ])('finds nothing by %j, and does not fail', async (id) => {
    expect(await reads.findDeliveries({ id })).toEqual({ deliveries: [], next: undefined });
  });

  it.each([
    [['1', 'dsp_a', 0]],
    [['2030-02-31T00:00:00.000Z', 'dsp_a', 0]],
    [['2030-05-02T12:00:00.000Z', 'dsp_a', 2 ** 40]],
  ])('begins at the newest after what no page before could have named: %j', async (parts) => {
    const after = Buffer.from(JSON.stringify(parts)).toString('base64url');
    expect(await reads.findDeliveries({ after })).toEqual(await reads.findDeliveries({}));
  });

  it('gives every delivery once over its pages, newest first', async () => {
    const seen: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<AuditReads['findDeliveries']>> = await reads.findDeliveries({ limit: 5, after });
      seen.push(...page.deliveries.map(({ event }) => event));
      after = page.next;
      pages += 1;
    } while (after !== undefined);
    expect(pages).toBe(5);
    expect(seen).toEqual(samples.map((sample) => idsOf(sample).event).reverse());
  });

  it.each<[string, DeliveryQuery, number]>([
    ['state', { states: ['dead'] }, 6],
    ['states', { states: ['dead', 'delivered'] }, 23],
    ['endpoint', { endpoint: 'ep_1' }, 8],
    ['endpoint and state', { endpoint: 'ep_0', states: ['dead'] }, 2],
    ['project', { project: 'prj_1' }, 23],
    ['another project', { project: 'prj_2' }, 0],
    ['event type', { eventType: 'kyc.approved' }, 23],
    ['time', { from: new Date(now - 60_000 + 10), to: new Date(now - 60_000 + 30) }, 2],
  ])('filters by %s', async (_, query, found) => {
    expect((await reads.findDeliveries(query)).deliveries).toHaveLength(found);
  });

  it('shows nothing of another environment', async () => {
    expect(await openAuditReads(database, 'test').findDeliveries({ id: first.dispatch })).toEqual({
      deliveries: [],
      next: undefined,
    });
  });
});

describe('deliveryStory', () => {
  it('tells a delivery from its acceptance to its end', async () => {
    const story = await reads.deliveryStory(first.dispatch);
    expect(
      story.map(({ type, attempt, disposition, topic, offset }) => [type, attempt, disposition, topic, offset]),
    ).toEqual([
      ['EventAccepted', null, null, 'live.audit', 0],
      ['AttemptSettled', 1, 'retry', 'live.attempts', 0],
      ['AttemptSettled', 2, 'dead', 'live.attempts', 1],
    ]);
    expect(story[1]).toMatchObject({
      url: 'https://hooks.example.com/kyc',
      status: 'FAIL',
      httpStatus: 500,
      durationMs: 12.5,
      due: new Date(now - 55_000),
      responseBytes: 2,
    });
  });

  it('is whole for each of many dispatches, however few records are told at once', async () => {
    const dispatches = samples.map((sample) => idsOf(sample).dispatch);
    const whole = await reads.deliveryStories(dispatches);
    expect(await openAuditReads(database, environment, 4).deliveryStories(dispatches)).toEqual(whole);
    expect([...whole.values()].every((story) => story.length > 1)).toBe(true);
  });

  it('is empty for a dispatch that nobody knows', async () => {
    expect(await reads.deliveryStory('dsp_aaaaaaaaaaaaaaaaaaaaaaaaaa')).toEqual([]);
  });
});

describe('eventRecords', () => {
  it.each(['evt_lonely', 'live.events/0/900'])('says by %s why nobody was told', async (id) => {
    expect(await reads.eventRecords(id)).toMatchObject([
      { type: 'EventUnmatched', reason: 'no-endpoint', event: 'evt_lonely' },
    ]);
  });
});

describe('dailyCounts', () => {
  it('adds up by endpoint, and equals what is counted anew', async () => {
    const counts = await reads.dailyCounts();
    expect(
      counts.map(({ endpoint, success, fail, delivered, dead }) => [endpoint, success, fail, delivered, dead]),
    ).toEqual([
      ['ep_0', 6, 4, 6, 2],
      ['ep_1', 6, 4, 6, 2],
      ['ep_2', 5, 4, 5, 2],
    ]);
    expect(await reads.recount()).toEqual(counts);
    expect(await reads.dailyCounts({ endpoint: 'ep_1', from: '2030-05-02', to: '2030-05-02' })).toHaveLength(1);
    expect(await reads.dailyCounts({ from: '2030-05-03' })).toEqual([]);
  });

  it('differs from the counting when a count was changed by hand', async () => {
    await database.query(`UPDATE daily_count SET success = success + 1 WHERE endpoint = 'ep_1'`);
    expect(await reads.recount()).not.toEqual(await reads.dailyCounts());
    await database.query(`UPDATE daily_count SET success = success - 1 WHERE endpoint = 'ep_1'`);
  });
});

describe('an export', () => {
  it('tells which attempts count, so that whoever adds them up comes to the daily counts', async () => {
    const exported = 'exported';
    const store = openAuditStore(database, { now: () => now });
    const sample = { ...samples[0]!, environment: exported };
    const delivered = settledRecord(sample, { attempt: 1, next: 'delivered' });
    const records = [delivered, delivered, settledRecord(sample, { attempt: 2, next: 'dead' })];
    await claim(store, exported, 'attempts');
    await store.append(batchOf(exported, 'attempts', 0, records));
    const marks: unknown[] = [];
    await exportAttempts(database, exported, {}, async (attempts) => {
      marks.push(...attempts.map(({ status, duplicate, late }) => ({ status, duplicate, late })));
    });
    expect(marks).toEqual([
      { status: 'SUCCESS', duplicate: false, late: false },
      { status: 'SUCCESS', duplicate: true, late: false },
      { status: 'FAIL', duplicate: false, late: true },
    ]);
    expect(await openAuditReads(database, exported).dailyCounts()).toMatchObject([{ success: 1, fail: 0 }]);
  });
});
