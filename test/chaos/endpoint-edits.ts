// Endpoints change while work for them is under way.

import { systemClock } from '@postrider/runtime';
import type { Fault } from './fault.ts';
import { pause } from './service-slot.ts';
import { urlOf, type World } from './world.ts';

export async function editEndpoint(
  world: World,
  { endpoint, change, forMs }: Extract<Fault, { kind: 'edit' }>,
): Promise<void> {
  const isGone = (): boolean =>
    world.edits.some((edit) => edit.endpoint === endpoint && (edit.change === 'delete' || edit.change === 'disable'));
  if (isGone()) return;
  world.edits.push({ endpoint, change, atMs: systemClock.now() });
  switch (change) {
    case 'pause':
      await world.putEndpoint(endpoint, { status: { kind: 'paused' } });
      await pause(forMs);
      // Meanwhile it may be gone for good.
      if (!isGone()) await world.putEndpoint(endpoint, { status: { kind: 'enabled' } });
      return;
    case 'move':
      await world.putEndpoint(endpoint, { url: urlOf(world.ground, endpoint, 'moved') });
      return;
    case 'disable':
      await world.putEndpoint(endpoint, { status: { kind: 'disabled' } });
      return;
    case 'delete':
      await world.putEndpoint(endpoint, 'delete');
  }
}
