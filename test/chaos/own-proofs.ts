// What Postrider itself says of its audit, asked by its own command line after the run: the chain, the counts and the deliveries
// verify, no upstream offset is without a trace, and (on request) the tables made anew from Kafka have the same heads.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrate, openDatabase, type Database } from '@postrider/postgres';
import { partitionCount, retryTiers } from './limits.ts';
import type { World } from './world.ts';

const cli = join(import.meta.dirname, '..', '..', 'services', 'postrider', 'src', 'main.ts');
const commandMsMax = 120_000;
const told = 600;

/** Everything that one of them found wrong, a line each. */
export async function askOwnProofs(world: World, rebuild: boolean): Promise<string[]> {
  const problems = [
    ...(await askCommand(world, world.databaseUrl, ['audit', 'verify'])),
    ...(await askCommand(world, world.databaseUrl, ['audit', 'completeness', '--against', 'kafka'])),
  ];
  return rebuild ? [...problems, ...(await rebuildAnew(world))] : problems;
}

async function askCommand(world: World, databaseUrl: string, words: readonly string[]): Promise<string[]> {
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    POSTRIDER_ENVIRONMENT: world.environment,
    POSTRIDER_KAFKA_BROKERS: world.ground.stack.kafka.brokers.join(','),
    POSTRIDER_POSTGRES_URL: databaseUrl,
    POSTRIDER_RETRY_TIERS: retryTiers,
    POSTRIDER_TOPICS_PARTITIONS: String(partitionCount),
  };
  const answer = await promisify(execFile)(process.execPath, [cli, ...words, '--json'], {
    env,
    timeout: commandMsMax,
  }).catch((error: unknown) => error as { stdout: string; stderr: string });
  const { ok, problems } = safeJson(answer.stdout);
  if (ok === true) return [];
  const what = problems === undefined ? answer.stdout || answer.stderr : JSON.stringify(problems);
  return [`postrider ${words.join(' ')}: ${what.slice(0, told)}`];
}

async function rebuildAnew(world: World): Promise<string[]> {
  const url = await world.ground.stack.createDatabase(`${world.environment}anew`);
  await migrate(url);
  const problems = await askCommand(world, url, ['audit', 'rebuild']);
  const anew = openDatabase({ url, connectionsMax: 1 });
  try {
    const [before, after] = await Promise.all([headsOf(world.database, world), headsOf(anew, world)]);
    if (before !== after) problems.push(`the tables made anew have other heads: ${before} and ${after}`);
  } finally {
    await anew.close();
  }
  return problems;
}

async function headsOf(database: Database, { environment }: World): Promise<string> {
  const rows = await database.query(
    `SELECT topic, partition, next, rows, encode(head, 'hex') AS head FROM projection_offset
     WHERE environment = $1 ORDER BY topic, partition`,
    [environment],
  );
  return JSON.stringify(rows);
}

function safeJson(text: string): { readonly ok?: unknown; readonly problems?: unknown } {
  try {
    return JSON.parse(text) as { ok?: unknown; problems?: unknown };
  } catch {
    return {};
  }
}
