// One seed from the plan to the verdict.

import { rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@postrider/runtime';
import type { SourceEdit } from '../support/source-edits.ts';
import { keepCalm } from './calm.ts';
import { check } from './checker/check.ts';
import type { Evidence } from './checker/evidence.ts';
import type { Findings } from './checker/finding.ts';
import { collectEvidence } from './collect.ts';
import { drain } from './drain.ts';
import type { Ground } from './ground.ts';
import { drainMsMax, drainMsWithMistake, startMsMax } from './limits.ts';
import { startLoad } from './load.ts';
import { unleash } from './nemesis.ts';
import { askOwnProofs } from './own-proofs.ts';
import type { ChaosPlan } from './plan.ts';
import { pause } from './service-slot.ts';
import type { Slot } from './slots.ts';
import { openWorld, type World } from './world.ts';

export interface SeedResult {
  readonly plan: ChaosPlan;
  readonly findings: Findings;
  readonly published: number;
  readonly requests: number;
  readonly drainMs: number;
}

export interface SeedOptions {
  readonly edits: readonly SourceEdit[];
  /** Makes the tables anew and compares. */
  readonly rebuild?: boolean;
  readonly say: (line: string) => void;
}

export async function runSeed(
  ground: Ground,
  plan: ChaosPlan,
  { edits, say, rebuild = false }: SeedOptions,
): Promise<SeedResult> {
  const world = await openWorld(ground, plan, edits);
  try {
    const running: Slot[] = ['audit-projector', 'retry-scheduler', ...plan.dispatchers, 'convergence'];
    await Promise.all(running.map((name) => world.slot(name).start()));
    await world.ready(running, startMsMax);

    const load = startLoad(world, systemClock.now);
    const calm = plan.calm && (await keepCalm(load, plan.calm, systemClock.now));
    const nemesis = unleash(world, load, say);
    await Promise.all([pause(plan.seconds * 1_000), nemesis.done]);
    await load.stop();
    say(`${load.published.length} events published, all faults undone; waiting for the end of all work`);

    // Whoever a mistake ended is an ended process: started again, so that the rest can be judged.
    await Promise.all(running.map((name) => world.slot(name).start()));
    const { tookMs, leftBehind } = await drain(
      world,
      load.published,
      edits.length > 0 ? drainMsWithMistake : drainMsMax,
    );
    await stopAll(world);
    const evidence = await collectEvidence(world, { load, calm, leftBehind });
    const findings = check(evidence);
    // Tables that have not followed the log have been found by then, and would only be found again.
    if (leftBehind.length === 0)
      for (const problem of await askOwnProofs(world, rebuild)) findings.violate(6, 'own-proof', problem);
    if (findings.violations.length > 0) await keep(world, evidence, findings);
    // What a machine that is busy with something else makes slow is told apart by it.
    findings.figures['load'] = Math.round(loadavg()[0]!);
    const result = {
      plan,
      findings,
      published: load.published.length,
      requests: evidence.journal.length,
      drainMs: tookMs,
    };
    await world.close();
    if (findings.violations.length === 0) await rm(world.folder, { recursive: true, force: true });
    return result;
  } finally {
    await world.close();
  }
}

async function stopAll(world: World): Promise<void> {
  for (const slot of world.slots.values()) {
    const problem = await slot.stop();
    if (problem !== undefined) world.badEnds.push(problem);
    world.badEnds.push(...slot.unasked());
  }
}

/** Beside the journal and the logs that are there already. */
async function keep(world: World, evidence: Evidence, findings: Findings): Promise<void> {
  const text = (name: string, content: string): Promise<void> => writeFile(join(world.folder, name), content);
  const { topics, tables, published, interruptions, calm, declared } = evidence;
  await text('plan.json', JSON.stringify(world.plan, undefined, 2));
  await text('violations.json', JSON.stringify(findings.violations, undefined, 2));
  await text('run.json', JSON.stringify({ declared, interruptions, calm }, undefined, 2));
  await text('published.ndjson', lines(published));
  const { eventEnds: _ends, ...logs } = topics;
  for (const [name, records] of entriesOf(logs)) await text(`${name}.ndjson`, lines(records.map(readable)));
  for (const [name, rows] of entriesOf(tables)) await text(`table-${name}.ndjson`, lines(rows.map(readable)));
}

function entriesOf(named: object): [string, readonly object[]][] {
  return Object.entries(named) as [string, readonly object[]][];
}

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const readable = (row: object): object =>
  'value' in row && Buffer.isBuffer(row.value) ? { ...row, value: row.value.toString('utf8') } : row;
