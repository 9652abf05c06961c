import { KafkaError } from '@postrider/kafka';
import { manualClock } from '@postrider/runtime/testing';
import { expect, test } from 'vitest';
import { findingsOf, inOrder, type Finding } from './finding.ts';
import { eachBounded, runChecks, type Check } from './run-checks.ts';

const where = { brokers: ['127.0.0.1:9092'], postgres: undefined };
const check = (subject: string, run: Check['run']): Check => ({ area: 'topics', subject, run });
const fine = (subject: string): Finding => findingsOf('topics').ok({ subject, what: 'fine' });

test('a check that gets no answer is a finding, and holds up no other', async () => {
  const { timers, advanceAsync, pending } = manualClock();
  const done: string[] = [];
  const ended = runChecks(
    [check('silent', () => new Promise(() => undefined)), check('quick', async () => [fine('quick')])],
    {
      timeoutMs: 5_000,
      timers,
      where,
      onDone: ({ subject }) => done.push(subject),
    },
  );
  await advanceAsync(4_999);
  expect(done).toEqual(['quick']);
  await advanceAsync(1);
  expect(await ended).toMatchObject([
    {
      level: 'problem',
      subject: 'silent',
      what: 'no answer within 5s',
      mend: expect.stringContaining('--timeout') as string,
    },
    { level: 'ok', subject: 'quick' },
  ]);
  expect(pending()).toBe(0);
});

test('a check that fails says why, and is no end of the others', async () => {
  const { timers } = manualClock();
  const refused = new KafkaError('not-authorized', 'describing topics: Topic authorization failed');
  const found = await runChecks(
    [
      check('denied', async () => Promise.reject(refused)),
      check('ours', async () => Promise.reject(new TypeError('x is undefined'))),
      check('well', async () => [fine('well')]),
    ],
    { timeoutMs: 5_000, timers, where, onDone: () => undefined },
  );
  expect(found.map(({ level, what }) => [level, what])).toEqual([
    ['problem', 'Kafka refuses this user: describing topics: Topic authorization failed'],
    ['problem', 'this check failed: x is undefined'],
    ['ok', 'fine'],
  ]);
});

test('at most so many are under way at once, and results keep their order', async () => {
  let underWay = 0;
  let most = 0;
  const results = await eachBounded([5, 1, 4, 2, 3], 2, async (n) => {
    most = Math.max(most, ++underWay);
    for (let turn = 0; turn < n; turn += 1) await Promise.resolve();
    underWay -= 1;
    return n * 10;
  });
  expect({ most, results }).toEqual({ most: 2, results: [50, 10, 40, 20, 30] });
});

test('findings are shown by area, the worst first', () => {
  const topics = findingsOf('topics');
  const mend = 'mend it';
  const found = [
    findingsOf('clock').problem({ subject: 'a', what: '', mend }),
    topics.ok({ subject: 'b', what: '' }),
    topics.problem({ subject: 'c', what: '', mend }),
    topics.warning({ subject: 'd', what: '', mend }),
  ];
  expect(inOrder(found).map(({ subject }) => subject)).toEqual(['c', 'd', 'b', 'a']);
});
