// The plan of a run: the same for the same seed, and over many seeds everything that the nemesis can do.

import { expect, test } from 'vitest';
import { planChaos } from './plan.ts';

const plans = Array.from({ length: 60 }, (_, seed) => planChaos({ seed, seconds: 30, brokers: 3 }));

test('a seed gives the same plan each time', () => {
  expect(plans.map(({ seed }) => planChaos({ seed, seconds: 30, brokers: 3 }))).toEqual(plans);
});

test('sixty seeds do everything that can be done, to every process and every broker', () => {
  const faults = plans.flatMap((plan) => plan.faults);
  const kinds = new Set(faults.map(({ kind }) => kind));
  expect([...kinds].sort((a, b) => a.localeCompare(b))).toEqual([
    'burst',
    'copies',
    'edit',
    'join-and-leave',
    'kill',
    'kill-broker',
    'kill-twice',
    'late-append',
    'network',
    'pause',
    'pause-broker',
    'postgres',
    'produce-answers',
    'rolling-restart',
    'scheduler-away',
    'wipe-metadata',
  ]);
  const killed = new Set(faults.flatMap((fault) => (fault.kind === 'kill' ? [fault.slot] : [])));
  expect(killed.size).toBe(5);
  const brokers = new Set(faults.flatMap((fault) => (fault.kind === 'kill-broker' ? [fault.node] : [])));
  expect(brokers).toEqual(new Set([1, 2, 3]));
});

test('faults come in order, and what takes long begins while there is time for it', () => {
  for (const { faults } of plans) {
    const times = faults.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const long = faults.filter(({ kind }) => kind === 'scheduler-away' || kind === 'wipe-metadata');
    expect(Math.max(0, ...long.map(({ atMs }) => atMs))).toBeLessThanOrEqual(16_000);
  }
});

test('a run of ten seconds has room for quick faults only', () => {
  const short = Array.from({ length: 40 }, (_, seed) => planChaos({ seed, seconds: 10, brokers: 1 }));
  const kinds = new Set(short.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  expect(kinds).not.toContain('kill-twice');
  expect(kinds).toContain('kill');
});
