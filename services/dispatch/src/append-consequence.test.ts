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

test('every other refusal is for the caller', async () => {
  const append = () => Promise.reject(new KafkaError('not-authorized', 'no'));
  await expect(appendConsequence({ append }, record)).rejects.toThrow('no');
});
