import { KafkaError, type AppendRecord } from '@postrider/kafka';
import { expect, test } from 'vitest';
import { appendConsequence } from './append-consequence.ts';

const record: AppendRecord = {
  topic: 'dlq',
  partition: 1,
  key: 'ep',
  value: 'x'.repeat(10),
  headers: { 'pr-reason': 'undecodable' },
};

test('a record that no topic takes keeps its place and its reason without its value', async () => {
  const tried: AppendRecord[] = [];
  const append = (one: AppendRecord) => {
    tried.push(one);
    return one.value === null
      ? Promise.resolve({ offset: 1 })
      : Promise.reject(new KafkaError('record-too-large', 'too large'));
  };
  await appendConsequence({ append }, record);
  expect(tried).toEqual([
    record,
    { ...record, value: null, headers: { 'pr-reason': 'undecodable', 'pr-truncated': 'true' } },
  ]);
});

test('a record that is too large without its value keeps its place and its reason, and of the rest what is small', async () => {
  const tried: AppendRecord[] = [];
  const bytesOf = (part: unknown): number =>
    Array.isArray(part)
      ? part.reduce((sum: number, one: unknown) => sum + bytesOf(one), 0)
      : Buffer.byteLength((part as string | Buffer | null) ?? '');
  const size = ({ key, value, headers }: AppendRecord): number =>
    bytesOf(key) + bytesOf(value) + bytesOf(Object.entries(headers ?? {}));
  const append = (one: AppendRecord) => {
    tried.push(one);
    return size(one) < 100_000
      ? Promise.resolve({ offset: 1 })
      : Promise.reject(new KafkaError('record-too-large', 'too large'));
  };
  const many = Array.from({ length: 5_000 }, (_, n): [string, Buffer[]] => [`h${n}`, [Buffer.alloc(100)]]);
  const headers = {
    'x-large': [Buffer.alloc(100_000)],
    'x-twice': [Buffer.alloc(1_500), Buffer.alloc(1_500)],
    'x-own': [Buffer.from('kept'), null],
    ...Object.fromEntries(many),
    'pr-reason': 'undecodable',
  };
  await appendConsequence({ append }, { ...record, key: Buffer.alloc(50_000), headers });
  expect(tried).toHaveLength(3);
  const { headers: kept, ...rest } = tried[2]!;
  expect(rest).toEqual({ topic: 'dlq', partition: 1, key: null, value: null });
  expect(kept).toMatchObject({
    'pr-reason': 'undecodable',
    'pr-truncated': 'true',
    'x-own': [Buffer.from('kept'), null],
  });
  expect(Object.keys(kept!)).not.toContain('x-large');
  expect(Object.keys(kept!)).not.toContain('x-twice');
});

test('every other refusal is for the caller', async () => {
  const append = () => Promise.reject(new KafkaError('not-authorized', 'no'));
  await expect(appendConsequence({ append }, record)).rejects.toThrow('no');
});
