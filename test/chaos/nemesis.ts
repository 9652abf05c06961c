// Carries out the plan: each fault at its time, those of one process one after the other, all of them undone at the end.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { overwriteMetadata } from '../support/commit-metadata.ts';
import { coordinatorOf } from '../support/raw-kafka.ts';
import { fillDisk, freeDisk } from '../support/sql-faults.ts';
import { describeFault, type Fault } from './fault.ts';
import { editEndpoint } from './endpoint-edits.ts';
import { pollMs, sessionTimeoutMs, startMsMax } from './limits.ts';
import type { Load } from './load.ts';
import { cutOff, loseProduceAnswers } from './network-faults.ts';
import { appendLate, copyDispatches } from './late-records.ts';
import { pause } from './service-slot.ts';
import { dispatchSlots, type DispatchSlot, type Slot } from './slots.ts';
import type { World } from './world.ts';

export interface Nemesis {
  /** Resolves when every fault was done and undone. */
  readonly done: Promise<void>;
}

/** @param say gets a line for each fault as it begins */
export function unleash(world: World, load: Pick<Load, 'burst'>, say: (line: string) => void): Nemesis {
  const startedMs = performance.now();
  let brokerTurn: Promise<void> = Promise.resolve();
  let postgresTurn: Promise<void> = Promise.resolve();

  const run = async (fault: Fault): Promise<void> => {
    await pause(Math.max(0, fault.atMs - (performance.now() - startedMs)));
    say(describeFault(fault));
    await perform(fault);
  };

  async function perform(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'kill': {
        const slot = world.slot(fault.slot);
        return slot.exclusively(async () => {
          await slot.kill();
          await pause(fault.downMs);
          await slot.start();
        });
      }
      case 'kill-twice':
        return world.slot(fault.slot).exclusively(() => killTwice(world, fault.slot));
      case 'pause': {
        const slot = world.slot(fault.slot);
        return slot.exclusively(() => slot.freeze(fault.forMs));
      }
      case 'rolling-restart':
        for (const name of fault.slots) await restart(world, name);
        return;
      case 'join-and-leave': {
        const slot = world.slot(fault.slot);
        return slot.exclusively(async () => {
          await slot.start();
          await pause(fault.forMs);
          await stopSlot(world, fault.slot);
        });
      }
      case 'scheduler-away': {
        const slot = world.slot('retry-scheduler');
        return slot.exclusively(async () => {
          await slot.kill();
          await pause(fault.forMs);
          await slot.start();
        });
      }
      case 'kill-broker':
      case 'pause-broker':
        return (brokerTurn = brokerTurn.then(() => hurtBroker(world, fault)));
      case 'network': {
        const slot = world.slot(fault.slot);
        return slot.exclusively(() => cutOff(world, slot, fault));
      }
      case 'produce-answers':
        return loseProduceAnswers(world, world.slot(fault.slot), fault);
      case 'late-append': {
        const slot = world.slot(fault.slot);
        return slot.exclusively(() => appendLate(world, slot, fault));
      }
      case 'burst':
        return load.burst(fault.events);
      case 'copies':
        return copyDispatches(world, fault);
      case 'postgres':
        return (postgresTurn = postgresTurn.then(() => hurtPostgres(world, fault)));
      case 'wipe-metadata':
        return wipeMetadata(world, fault);
      case 'edit':
        return editEndpoint(world, fault);
    }
  }

  return { done: Promise.all(world.plan.faults.map(run)).then(() => undefined) };
}

async function stopSlot(world: World, name: Slot): Promise<void> {
  const problem = await world.slot(name).stop();
  if (problem !== undefined) world.badEnds.push(problem);
}

function restart(world: World, name: Slot): Promise<void> {
  const slot = world.slot(name);
  return slot.exclusively(async () => {
    if (!slot.running) return;
    await stopSlot(world, name);
    await slot.start();
  });
}

/** The second kill comes as soon as the new process is ready, and so before or just after its first commit. */
async function killTwice(world: World, name: DispatchSlot): Promise<void> {
  const slot = world.slot(name);
  await slot.kill();
  await slot.start();
  const until = performance.now() + startMsMax;
  while (slot.running && !(await slot.ready()) && performance.now() < until) await pause(20);
  await slot.kill();
  await slot.start();
}

async function hurtBroker(
  world: World,
  fault: Extract<Fault, { kind: 'kill-broker' | 'pause-broker' }>,
): Promise<void> {
  const { stack, stackFolder } = world.ground;
  const over = world.timeline.begin('broker');
  if (fault.kind === 'kill-broker') {
    await stack.killKafka(fault.node);
    await pause(fault.downMs);
    await stack.restartKafka(fault.node);
  } else {
    const pid = serverPid(stackFolder, `kafka-${fault.node}`);
    process.kill(pid, 'SIGSTOP');
    await pause(fault.forMs);
    process.kill(pid, 'SIGCONT');
  }
  over();
}

async function hurtPostgres(world: World, { how, forMs }: Extract<Fault, { kind: 'postgres' }>): Promise<void> {
  const { stack } = world.ground;
  const over = world.timeline.begin('postgres');
  switch (how) {
    case 'kill':
      await stack.stopPostgres('kill');
      await pause(forMs);
      await stack.startPostgres();
      break;
    case 'pause':
      world.postgresProxy.hold();
      await pause(forMs);
      world.postgresProxy.heal();
      break;
    case 'down':
      await world.postgresProxy.down();
      await pause(forMs);
      await world.postgresProxy.up();
      break;
    case 'disk-full':
      await fillDisk(world.database);
      await pause(forMs);
      await freeDisk(world.database);
  }
  over();
}

/** The group must have no members: all are killed, and what is left of them is waited out. */
async function wipeMetadata(world: World, { group, to }: Extract<Fault, { kind: 'wipe-metadata' }>): Promise<void> {
  const members = group === 'dispatch' ? dispatchSlots : (['retry-scheduler'] as const);
  const groupId = `${world.environment}.${group}`;
  // Each has its turn, also one that is down now: what has it would start it in the middle.
  const held = members.map((name) => {
    const begun = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    const turn = world.slot(name).exclusively(async () => {
      begun.resolve();
      await free.promise;
    });
    return { name, begun: begun.promise, free: free.resolve, turn };
  });
  await Promise.all(held.map(({ begun }) => begun));
  const wasRunning = members.filter((name) => world.slot(name).running);
  const over = world.timeline.begin('wipe-metadata');
  try {
    await Promise.all(wasRunning.map((name) => world.slot(name).kill()));
    const admin = world.ground.cluster.admin();
    const until = performance.now() + 3 * sessionTimeoutMs;
    for (;;) {
      const { state } = await admin.describeGroup(groupId).catch(() => ({ state: 'unknown' }));
      if (state === 'Empty' || state === 'Dead') break;
      if (performance.now() > until) throw new Error(`group ${groupId} is still ${state}, its members killed`);
      await pause(pollMs);
    }
    const topics =
      group === 'dispatch' ? [world.topics.dispatches] : ['500ms', '2s'].map((name) => world.topics.retry({ name }));
    for (const topic of topics) {
      const committed = await admin.committed(groupId, [topic]);
      if (committed.length === 0) continue;
      const { brokers } = world.ground.stack.kafka;
      const coordinator = brokers[(await coordinatorOf(brokers[0]!, groupId)) - 1]!;
      await overwriteMetadata(coordinator, groupId, committed, to === 'nothing' ? '' : 'attempts=x,dispatches=,');
    }
    await admin.close();
    await Promise.all(wasRunning.map((name) => world.slot(name).start()));
  } finally {
    over();
    for (const { free } of held) free();
    await Promise.all(held.map(({ turn }) => turn));
  }
}

function serverPid(stackFolder: string, name: string): number {
  const { servers } = JSON.parse(readFileSync(join(stackFolder, 'processes.json'), 'utf8')) as {
    servers: { name: string; pid: number }[];
  };
  const found = servers.find((server) => server.name === name);
  if (!found) throw new Error(`no running server ${name} in ${stackFolder}`);
  return found.pid;
}
