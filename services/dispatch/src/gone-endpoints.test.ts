// Who is taken for gone by an answer of 410, and who is not.

import { expect, it } from 'vitest';
import { dispatcherRig, endpointOf, settle, status, topics } from './dispatcher-rig.ts';

it('an endpoint is gone for the next owner too, although the last one died before it could record that', async () => {
  const before = dispatcherRig();
  before.endpoints.put(endpointOf('a'));
  before.accept(before.dispatch('a', 1));
  await before.answer(status(410));
  const [settled] = before.attempts();
  expect(settled?.type).toBe('AttemptSettled');

  const after = dispatcherRig();
  after.endpoints.put(endpointOf('a'));
  after.dispatcher.learn(settled!, after.stateOf(0));
  after.accept(after.dispatch('a', 2));
  await settle();
  expect(after.inFlight).toEqual([]);
  expect(after.to(topics.dlq)[0]?.headers).toMatchObject({ 'pr-reason': 'endpoint-disabled' });
});

it('a call that is answered 410 says nothing of the next one: no record disables its endpoint', async () => {
  const rig = dispatcherRig();
  rig.endpoints.put(endpointOf('vasp', { profile: 'envoy', retry: { kind: 'named', name: 'none' } }));
  const body = Buffer.from(
    '{"transaction_id":"d0a3dcb5-589c-4450-a84d-54ef0b74ae78","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":""},"transfer_state":"STARTED","error":{"code":1,"message":"m","retry":false}}',
  );
  const call = (n: number) => rig.dispatch('vasp', n, { correlation: `corr-${n}`, body });
  rig.accept(call(1));
  await settle();
  await rig.answer(status(410), 'vasp');
  expect(rig.attempts().map(({ type }) => type)).toEqual(['AttemptStarted', 'AttemptSettled']);
  rig.accept(call(2));
  await settle();
  expect(rig.inFlight).toHaveLength(1);
});
