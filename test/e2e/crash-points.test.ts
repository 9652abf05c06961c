// A process dies between any two effects, for each of the gaps: everything still ends once, the receiver sees a second POST only
// of an attempt whose outcome nobody could know, and the tables tell each delivery once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crashAt, type CrashPoint } from '../support/crash-points.ts';
import { startFaultRig, type FaultRig, type Moment } from '../support/fault-rig.ts';
import type { ServiceName } from '../support/postrider.ts';

interface Death {
  readonly point: CrashPoint;
  readonly onPass?: number;
}

const victims: Readonly<Record<ServiceName, readonly (readonly Death[])[]>> = {
  convergence: [
    [{ point: 'convergence/before-trace', onPass: 3 }],
    [{ point: 'convergence/after-trace' }],
    [{ point: 'convergence/after-dispatches', onPass: 3 }],
    [{ point: 'convergence/after-trace' }, { point: 'convergence/after-dispatches' }],
    [{ point: 'convergence/after-dispatches' }, { point: 'convergence/before-commit' }],
  ],
  dispatch: [
    [{ point: 'dispatch/after-fetch', onPass: 3 }],
    [{ point: 'dispatch/after-started', onPass: 2 }],
    [{ point: 'dispatch/after-post', onPass: 2 }],
    [{ point: 'dispatch/append-unseen', onPass: 2 }],
    [{ point: 'dispatch/after-append', onPass: 2 }],
    [{ point: 'dispatch/after-consequence', onPass: 2 }],
    [{ point: 'dispatch/before-commit' }],
    [{ point: 'dispatch/after-post' }, { point: 'dispatch/after-append' }],
    [{ point: 'dispatch/after-append' }, { point: 'dispatch/after-consequence' }],
  ],
  'retry-scheduler': [
    [{ point: 'scheduler/before-forward' }],
    [{ point: 'scheduler/after-forward' }],
    [{ point: 'scheduler/after-forward' }, { point: 'scheduler/before-commit' }],
  ],
  'audit-projector': [
    [{ point: 'projector/before-commit', onPass: 2 }],
    [{ point: 'projector/after-commit', onPass: 2 }],
  ],
};

describe.each(Object.entries(victims) as [ServiceName, readonly (readonly Death[])[]][])('%s', (victim, cases) => {
  let rig: FaultRig;
  const deaths: Moment[] = [];

  beforeAll(async () => {
    rig = await startFaultRig({ name: victim.replace('audit-', '').slice(0, 4), hurt: [victim] });
  });
  afterAll(() => rig?.close());

  test.each(cases.map((each) => ({ name: each.map(({ point }) => point).join(', then '), each })))(
    'dies at $name',
    async ({ each }) => {
      await rig.publish(2);
      for (const death of each) deaths.push(await rig.died(rig.spawn(crashAt([death]))));
      const healthy = rig.spawn();
      await rig.settled();
      await rig.expectOneEnd(deaths);
      await rig.joined();
      expect(await healthy.stop()).toBe(0);
    },
  );
});
