import fc from 'fast-check';
import type { KafkaRecord } from '@postrider/kafka';
import { decodeAudit, encodeAudit } from '@postrider/core/contracts';
import { describe, expect, it } from 'vitest';
import { dispatcherRig, routes, settle, topics } from './dispatcher-rig.ts';
import { unreadable } from './unreadable.ts';

const owner = { generation: 1, member: 'm-1' };

function foreign(
  headers: Readonly<Record<string, readonly (Buffer | null)[]>> = {},
  over: Partial<KafkaRecord> = {},
): KafkaRecord {
  return {
    topic: topics.dispatches,
    partition: 2,
    offset: 7,
    timestamp: 1_900_000_000_000,
    key: Buffer.from('ep-1'),
    value: Buffer.from([0xff, 0x00, 0x01]),
    headers: new Map(Object.entries(headers)),
    ...over,
  };
}

describe('a record that is no dispatch', () => {
  it('is recorded as ended, dead-lettered, and then acknowledged', async () => {
    const rig = dispatcherRig();
    rig.hold(topics.dlq);
    rig.acceptRecord(foreign({ 'x-own': [Buffer.from('kept')] }));
    await settle();
    expect(rig.journal).toEqual(['append DispatchEnded', 'written DispatchEnded', `append ${topics.dlq}`]);
    await rig.release(topics.dlq);
    expect(rig.journal.slice(-3)).toEqual([`written ${topics.dlq}`, 'ended undecodable', 'ack 7']);
    expect(rig.to(topics.attempts)[0]).toMatchObject({ partition: 2, key: 'ep-1' });
    expect(rig.attempts()[0]).toMatchObject({
      type: 'DispatchEnded',
      dispatch: 'live.dispatches/2/7',
      endpoint: 'ep-1',
      origin: 'live.dispatches/2/7',
      disposition: { kind: 'dead', reason: 'undecodable' },
      detail: expect.stringContaining('pr-v missing') as string,
    });
    expect(rig.to(topics.dlq)[0]).toMatchObject({
      partition: 2,
      key: Buffer.from('ep-1'),
      value: Buffer.from([0xff, 0x00, 0x01]),
    });
  });

  it('keeps quiesce waiting until it is written', async () => {
    const rig = dispatcherRig();
    rig.hold(topics.attempts);
    rig.acceptRecord(foreign());
    let quiet = false;
    void rig.dispatcher.quiesce().then(() => (quiet = true));
    await settle();
    expect(quiet).toBe(false);
    await rig.release(topics.attempts);
    expect([quiet, rig.journal.at(-1)]).toEqual([true, 'ack 7']);
  });

  it('without key and value is dead-lettered as it is', () => {
    const { ended, letter } = unreadable(foreign({}, { key: null, value: null }), 'no value', owner, routes, 0);
    expect(letter).toMatchObject({ key: null, value: null });
    expect(ended).toMatchObject({ endpoint: '', detail: 'no value' });
  });

  it('keeps its headers as bytes, repeated ones and ones without value too, and loses those of a tier', () => {
    const bytes = Buffer.from([0xff, 0xfe]);
    const { letter } = unreadable(
      foreign({
        'x-bytes': [bytes],
        'x-twice': [Buffer.from('1'), Buffer.from('2')],
        'x-none': [null],
        'pr-wake': [Buffer.from('5')],
      }),
      'bad',
      owner,
      routes,
      0,
    );
    expect(letter.headers).toMatchObject({
      'x-bytes': [bytes],
      'x-twice': [Buffer.from('1'), Buffer.from('2')],
      'x-none': [null],
    });
    expect(letter.headers).not.toHaveProperty('pr-wake');
  });

  it('replaces the marks of an earlier dead letter', () => {
    const { letter } = unreadable(
      foreign({ 'pr-reason': [Buffer.from('gone')], '__dlq.errors.offset': [Buffer.from('1')] }),
      'bad',
      owner,
      routes,
      0,
    );
    expect(letter.headers).toMatchObject({
      'pr-reason': 'undecodable',
      '__dlq.errors.offset': '7',
      '__dlq.errors.message': 'bad',
    });
  });

  it('is told by the ids that can be read of it', () => {
    const text = (value: string): Buffer[] => [Buffer.from(value)];
    const { ended } = unreadable(
      foreign({
        'pr-v': text('2'),
        'pr-dispatch': text('dsp_x'),
        'pr-round': text('3'),
        'pr-attempt': text('2'),
        'pr-endpoint': text('ep-9'),
        'pr-event-id': text('e'),
      }),
      'pr-v 2 is not 1',
      owner,
      routes,
      0,
    );
    expect(ended).toMatchObject({
      dispatch: 'dsp_x',
      round: 3,
      attempt: 2,
      attemptId: 'dsp_x.3.2',
      endpoint: 'ep-9',
      event: 'e',
    });
  });

  it('always makes an end that can be written, read back and stored, whatever its headers hold', () => {
    const names = fc.constantFrom(
      'pr-v',
      'pr-dispatch',
      'pr-round',
      'pr-attempt',
      'pr-endpoint',
      'pr-project',
      'pr-subject',
      'pr-origin',
      '__proto__',
      'x',
    );
    const value = fc.option(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { nil: null },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(names, value)), fc.uint8Array(), (pairs, key) => {
        const record = {
          ...foreign({}, { key: Buffer.from(key) }),
          headers: new Map(pairs.map(([name, one]) => [name, [one]])),
        };
        const { ended } = unreadable(record, 'bad', owner, routes, 0);
        const back = decodeAudit(encodeAudit(ended));
        expect(back.ok).toBe(true);
        for (const text of Object.values(ended).filter((one) => typeof one === 'string')) {
          // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
          expect(text.isWellFormed() && !/[\u0000-\u001f]/.test(text)).toBe(true);
        }
        expect([ended.round, ended.attempt].every((n) => Number.isSafeInteger(n) && n >= 0)).toBe(true);
      }),
    );
  });
});
