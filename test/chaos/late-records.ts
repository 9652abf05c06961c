// Records that come when nobody expects them any more: a zombie's, and copies.

import type { KafkaRecord } from '@postrider/kafka';
import type { Fault } from './fault.ts';
import { pollMs, sessionTimeoutMs } from './limits.ts';
import { chance } from './receiver-answers.ts';
import { pause, type ServiceSlot } from './service-slot.ts';
import type { World } from './world.ts';

/** What is on its way when the process stops. */
const collectMs = 300;
/** Copies beyond it are not looked for: the newest are at the ends. */
const scanMs = 30_000;

export async function appendLate(
  world: World,
  service: ServiceSlot,
  { afterTakeoverMs }: Extract<Fault, { kind: 'late-append' }>,
): Promise<void> {
  const over = world.timeline.begin('produce-answers', service.slot);
  const rule = service.proxy.add({ api: 'Produce', side: 'request', action: 'hold' });
  await pause(collectMs);
  const wake = service.stopClock();
  await takenOver(world, service.slot);
  await pause(afterTakeoverMs);
  rule.release();
  over();
  await pause(collectMs);
  wake();
}

/** Resolves when the group has a generation without this process, or nobody is left to take over. */
async function takenOver({ ground, environment }: World, slot: string): Promise<void> {
  const admin = ground.cluster.admin();
  const until = performance.now() + 2 * sessionTimeoutMs;
  while (performance.now() < until) {
    const group = await admin.describeGroup(`${environment}.dispatch`).catch(() => undefined);
    const isIn = group?.members.some(({ clientId }) => clientId === slot) ?? true;
    if (group && !isIn && (group.state === 'Stable' || group.members.length === 0)) break;
    await pause(pollMs);
  }
  await admin.close();
}

export async function copyDispatches(
  { ground, topics, plan, appender }: World,
  { of, count }: Extract<Fault, { kind: 'copies' }>,
): Promise<void> {
  const records: KafkaRecord[] = [];
  await ground.cluster.scan({
    topic: topics.dispatches,
    from: 'earliest',
    timeoutMs: scanMs,
    onRecord: (record) => void records.push(record),
  });
  const chosen =
    of === 'newest'
      ? records.sort((a, b) => b.timestamp - a.timestamp).slice(0, count)
      : records.filter(({ offset }) => chance(plan.seed, 'copy', offset) < 0.5).slice(0, count);
  await appender.appendAll(
    chosen.map(({ topic, partition, key, value, headers }) => ({ topic, partition, key, value, headers })),
  );
}
