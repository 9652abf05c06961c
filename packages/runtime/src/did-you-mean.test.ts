import { expect, test } from 'vitest';
import { didYouMean } from './did-you-mean.ts';

const keys = ['dispatch.windowRecords', 'health.port', 'health.host', 'log.level', 'kafka.brokers'];

test.each([
  ['dispatch.windowRecord', 'dispatch.windowRecords'],
  ['helth.port', 'health.port'],
  ['HEALTH.PORT', 'health.port'],
  ['log.levle', 'log.level'],
  ['windowRecords', 'dispatch.windowRecords'],
  ['brokers', 'kafka.brokers'],
])('suggests for %s the key %s', (word, meant) => {
  expect(didYouMean(word, keys)).toBe(meant);
});

test.each(['', 'x', 'colour.of.the.sea', 'zz.zz'])('suggests nothing for %j, which is near to none', (word) => {
  expect(didYouMean(word, keys)).toBeUndefined();
});

test('suggests no word of which almost nothing remains', () => {
  expect(didYouMean('db', ['ls', 'rm'])).toBeUndefined();
});
