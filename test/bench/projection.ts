// How far the tables are behind the log. Looked at only when the last delivery is done: looking costs PostgreSQL time.

import type { KafkaAdmin } from '@postrider/kafka';
import { caughtUpMs, pollMs } from './limits.ts';
import type { World } from './world.ts';

/**
 * Records of `attempts` and `audit` that are not in the tables, and those that dispatch has yet to write: a delivery arrives
 * before its settlement is in the log.
 */
async function projectionLag(world: World, admin: KafkaAdmin, deliveries: number): Promise<number> {
  const { attempts, audit } = world.topics;
  const rows = await world.reads.projectionStatus();
  const written = new Map(rows.map(({ topic, partition, next }) => [`${topic}/${partition}`, next]));
  let lag = 0;
  let settled = 0;
  for (const topic of [attempts, audit]) {
    for (const [partition, end] of await admin.endOffsets(topic)) {
      lag += end - (written.get(`${topic}/${partition}`) ?? 0);
      if (topic === attempts) settled += end;
    }
  }
  return lag + Math.max(0, deliveries - settled);
}

/**
 * Waits until nothing of `deliveries`, all there were so far, is behind.
 * @returns lag when asked, and ms until there was none. Throws when it takes too long
 */
export async function catchUp(
  world: World,
  admin: KafkaAdmin,
  deliveries: number,
): Promise<{ lagRecords: number; caughtUpMs: number }> {
  const startMs = performance.now();
  const lagRecords = await projectionLag(world, admin, deliveries);
  for (let lag = lagRecords; lag > 0; lag = await projectionLag(world, admin, deliveries)) {
    if (performance.now() - startMs > caughtUpMs)
      throw new Error(`the projection is still ${lag} records behind after ${caughtUpMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return { lagRecords, caughtUpMs: Math.round(performance.now() - startMs) };
}

/**
 * Every published event was delivered once, by the receiver's count and by the tables; else says what is wrong. Deliveries that
 * took more than one attempt are told apart: nothing is wrong with them but the machine was too slow for a time limit.
 */
export async function countProblems(
  world: World,
  published: number,
  received: { readonly requests: number; readonly distinct: number; readonly forged: number },
): Promise<{ problems: string[]; retried: number }> {
  const problems: string[] = [];
  const { deliveries, duplicates, late, unreadable, retried } = await world.reads.totals();
  const lost = published - received.distinct;
  if (lost > 0) problems.push(`${lost} of ${published} deliveries were lost`);
  if (received.requests !== received.distinct)
    problems.push(`${received.requests - received.distinct} requests were repeated`);
  if (received.forged > 0) problems.push(`${received.forged} signatures did not verify`);
  if (deliveries.delivered !== published) problems.push(`the tables say ${JSON.stringify(deliveries)} of ${published}`);
  if (duplicates + late + unreadable > 0)
    problems.push(`the tables flag ${duplicates} duplicates, ${late} late and ${unreadable} unreadable records`);
  return { problems, retried };
}
