// A process of each stage stands still between two effects while another takes over, and goes on. Put out of its group at once, it
// believes on waking that all is well, and only the log and the tables stop it; left until its session is over, it asks first.

import { afterEach, describe, expect, test } from 'vitest';
import { crashAt } from '../support/crash-points.ts';
import { startFaultRig, type FaultRig } from '../support/fault-rig.ts';
import { asleep, pairOf, wakes } from '../support/standing-still.ts';

const SECOND_MS = 1_000;
let rig: FaultRig;
afterEach(() => rig?.close());

describe.each([
  { knows: 'that its session may be over', out: () => rig.expelled(1) },
  { knows: 'nothing', out: () => rig.expel() },
])('one that stood still and knows $knows', ({ knows, out }) => {
  test.each([
    { service: 'retry-scheduler', point: 'scheduler/before-forward' },
    { service: 'convergence', point: 'convergence/before-trace' },
    { service: 'convergence', point: 'convergence/after-trace' },
    { service: 'audit-projector', point: 'projector/before-commit' },
  ] as const)('$service at $point', async ({ service, point }) => {
    const initials = point.split(/[/-]/).map(([first]) => first);
    const name = `${initials.join('')}${knows.length}`;
    rig = await startFaultRig({ name, hurt: [service] });
    const [sleeper] = await pairOf(rig, crashAt([{ point, signal: 'SIGSTOP' }]));
    await rig.publish(6);
    await asleep(sleeper);
    await out();
    await rig.settled(40 * SECOND_MS);
    await wakes(rig, sleeper, []);
    expect(sleeper.ended()).toBeUndefined();
  });
});
