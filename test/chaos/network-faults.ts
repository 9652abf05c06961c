// Faults between one service process and the brokers, made in the proxy that only this process goes through.

import type { Fault } from './fault.ts';
import { pause, type ServiceSlot } from './service-slot.ts';
import type { World } from './world.ts';

export async function cutOff(
  world: World,
  { slot, proxy }: ServiceSlot,
  { how, forMs }: Extract<Fault, { kind: 'network' }>,
): Promise<void> {
  const over = world.timeline.begin('network', slot);
  switch (how) {
    case 'reset':
      for (const node of proxy.nodes) node.reset();
      break;
    case 'down':
      await Promise.all(proxy.nodes.map((node) => node.down()));
      await pause(forMs);
      await Promise.all(proxy.nodes.map((node) => node.up()));
      break;
    case 'hold':
      for (const node of proxy.nodes) node.hold();
      await pause(forMs);
      break;
    case 'half-open':
      for (const node of proxy.nodes) node.halfOpen();
      await pause(forMs);
      break;
    case 'slow':
      for (const node of proxy.nodes) node.set({ latencyMs: 50, jitterMs: 100, bytesPerS: 50_000 });
      await pause(forMs);
      break;
    case 'slices':
      for (const node of proxy.nodes) node.set({ sliceBytesMax: 300 });
      await pause(forMs);
      break;
  }
  for (const node of proxy.nodes) node.heal();
  over();
}

/** The records are in the log, and the one who sent them does not learn of it: it sends them again. */
export async function loseProduceAnswers(
  world: World,
  { slot, proxy }: ServiceSlot,
  { how, nth, forMs }: Extract<Fault, { kind: 'produce-answers' }>,
): Promise<void> {
  const over = world.timeline.begin('produce-answers', slot);
  const rule = proxy.add({ api: 'Produce', side: 'response', action: how, nth });
  await pause(forMs);
  rule.release();
  over();
}
