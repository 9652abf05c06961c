// `npm start`: real Kafka and PostgreSQL on loopback, all services, a local HTTPS receiver, sample events; one line for
// everything that happens. Ctrl-C stops all of it.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeAudit, topicNames, type ReplyRecord } from '@postrider/core/contracts';
import { pickPorts, startStack } from '@postrider/dev-stack';
import { openCluster } from '@postrider/kafka';
import { migrate, openAuditReads, openDatabase } from '@postrider/postgres';
import { applyEndpoints, applyTopics, egressOf, loadSettings } from '@postrider/postrider';
import { createPublisher, openRequestReply } from '@postrider/publisher';
import { auditLine, checkAudit } from './audit-check.ts';
import { liveLine } from './live-lines.ts';
import { parseOptions, usage, type DemoOptions } from './options.ts';
import { startDemoReceiver } from './receiver.ts';
import {
  dispatchesOf,
  project,
  sampleEndpoints,
  sampleEvents,
  travelRuleCall,
  unmatchedEvent,
  type SampleEvent,
} from './sample.ts';
import { logTail, startServices } from './services-process.ts';
import { sampleDeliveries, settled, summarize, type Summary } from './settlement.ts';
import { makeSecrets, writeWorkspace } from './workspace.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const now = (): number => Date.now();
/** Samples settle within seconds; a machine that is busy with other things gets this long. */
const settleMsMax = 120_000;
const pollMs = 250;
const stopGraceMs = 15_000;

/** Things to undo, newest first, each once. */
class Cleanup {
  readonly #steps: { readonly name: string; readonly run: () => Promise<unknown> }[] = [];
  #running: Promise<void> | undefined;

  add(name: string, run: () => Promise<unknown>): void {
    this.#steps.push({ name, run });
  }

  run(): Promise<void> {
    this.#running ??= (async () => {
      for (const { name, run } of this.#steps.splice(0).reverse()) {
        await run().catch((error: unknown) => process.stderr.write(`stopping ${name}: ${String(error)}\n`));
      }
    })();
    return this.#running;
  }
}

async function demonstrate(options: DemoOptions, cleanup: Cleanup, interrupted: AbortSignal): Promise<number> {
  const startedMs = now();
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);

  await mkdir(join(root, '.postrider'), { recursive: true });
  const stack = await startStack({ dataDir: join(root, '.postrider', 'stack'), fresh: true, progress });
  cleanup.add('Kafka and PostgreSQL', () => stack.stop());
  const run = now().toString(36);
  // Servers of yours may hold other demonstrations: names of our own. Embedded ones are empty.
  const environment = stack.kafka.source === 'embedded' ? 'demo' : `demo-${run}`;
  const postgresUrl = await stack.createDatabase(`postrider_${run}`);

  const folder = join(root, '.postrider', 'demo');
  const secrets = await makeSecrets(folder);
  const demo = await startDemoReceiver(secrets, now);
  cleanup.add('the receiver', () => demo.receiver.close());
  const workspace = await writeWorkspace(folder, {
    environment,
    brokers: stack.kafka.brokers,
    postgresUrl,
    healthPort: (await pickPorts(1))[0]!,
    caPem: demo.caPem,
    secrets,
    urlOf: (_id, host) => demo.receiver.url('/webhooks', host),
  });

  const settings = loadSettings({ env: {}, path: workspace.configPath });
  if (!settings.ok) throw new Error(settings.problems.map(({ key, message }) => `${key}: ${message}`).join('\n'));
  const cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'demo' });
  cleanup.add('the Kafka client', () => cluster.close());
  progress('Preparing topics, tables and endpoints …');
  await Promise.all([applyTopics(cluster.admin(), settings.config), migrate(postgresUrl)]);
  const applied = await applyEndpoints(
    {
      cluster,
      config: settings.config,
      guard: egressOf(settings.config).guard,
      now,
      actor: 'demo',
      readFile: (path) => readFileSync(path, 'utf8'),
    },
    workspace.endpointFile,
  );
  if (!applied.ok)
    throw new Error(
      `the sample endpoints were refused:\n${applied.problems.map((problem) => JSON.stringify(problem)).join('\n')}`,
    );

  const topics = topicNames(environment);
  let traces = 0;
  for (const topic of [topics.audit, topics.attempts]) {
    cluster.readTable({
      topic,
      onRecord: ({ value }) => {
        const record = decodeAudit(value);
        if (!record.ok) return;
        if (record.value.type.startsWith('Event')) traces++;
        const line = liveLine(record.value);
        if (line !== undefined) say(line);
      },
    });
  }

  progress('Starting the services …');
  await rm(workspace.logPath, { force: true });
  let services = startServices(workspace);
  cleanup.add('the services', () => services.stop(stopGraceMs));
  let servicesEnded: number | undefined;
  void services.ended.then(({ code }) => (servicesEnded = code));

  say('');
  for (const { id, profile, manner } of sampleEndpoints) say(`  ${id.padEnd(9)} ${profile.padEnd(18)} ${manner}`);
  say('');
  const publisher = createPublisher(cluster, { topic: `${environment}.events`, source: '/demo' });
  const calls = await openRequestReply(cluster, { environment, publisher, now });
  cleanup.add('the reply listener', () => calls.close());
  const transactionId = randomUUID();
  const call = travelRuleCall(run, transactionId, now());
  const events = sampleEvents(run, options.events);
  const others = [unmatchedEvent(run)];
  for (const event of [...events, ...others]) await publisher.publish(toPublish(event));
  demo.answerCall(transactionId);
  let answer: ReplyRecord | undefined;
  void calls.call(toPublish(call), { timeoutMs: settleMsMax, correlationId: transactionId }).then(
    (record) => {
      answer = record;
      say(`${new Date(now()).toISOString().slice(11, 23)}  ${answerText(record)}`);
    },
    (error: unknown) => progress(`the call was not answered: ${String(error)}`),
  );

  const database = openDatabase({ url: postgresUrl, applicationName: 'demo' });
  cleanup.add('the database client', () => database.close());
  const reads = openAuditReads(database, environment);
  const expected = { dispatches: dispatchesOf([...events, call]), traces: events.length + others.length + 1 };
  const until = now() + settleMsMax;
  for (;;) {
    if (interrupted.aborted) return 130;
    if (servicesEnded !== undefined) {
      process.stderr.write(
        `The services ended with code ${servicesEnded}. The end of ${workspace.logPath}:\n${await logTail(workspace.logPath, 15)}\n`,
      );
      return 1;
    }
    const deliveries = await sampleDeliveries(reads);
    const done = settled(expected, deliveries, traces) && answer !== undefined;
    if (!done && now() < until) {
      await pause(pollMs, interrupted);
      continue;
    }
    const summary = summarize(expected.dispatches, deliveries, await reads.totals(), demo.taken);
    report(summary, { forged: demo.forged, verified: demo.verified, answer }, say);
    const audit = await checkAudit(cluster, database, environment);
    say(auditLine(audit));
    for (const problem of audit.problems) say(`  ${problem}`);
    if (options.once) {
      const seconds = Math.round((now() - startedMs) / 100) / 10;
      await cleanup.run();
      if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, audit, seconds })}\n`);
      else say(`Done in ${seconds} s; everything is stopped.`);
      return summary.lost === 0 && demo.forged.length === 0 && answer?.outcome === 'replied' && audit.ok ? 0 : 1;
    }
    break;
  }

  say('');
  say(`Metrics      http://127.0.0.1:${settings.config['health.port']}/metrics   (also /readyz and /livez)`);
  say(`Kafka        ${stack.kafka.brokers.join(',')}   environment ${environment}`);
  say(`PostgreSQL   ${postgresUrl}`);
  say(`Endpoints    ${workspace.endpointsPath}`);
  say(`Service log  ${workspace.logPath}`);
  say('');
  say('What to try next, in another terminal of this folder:');
  say(`  export POSTRIDER_CONFIG=.postrider/demo/postrider.yaml`);
  say(`  npm run postrider -- deliveries list --state dead       # what failed for good`);
  say(`  npm run postrider -- deliveries show ${events[0]!.id}         # the whole story of one event`);
  say(`  npm run postrider -- audit verify                       # nothing was altered or left out`);
  say(`  npm run postrider -- replay start --endpoint failing --reason "receiver mended" --yes`);
  say(`  kill -9 ${services.pid}       # the services; they are started again, and nothing is lost`);
  say('');
  say('Ctrl-C stops everything.');
  for (;;) {
    const end = await Promise.race([aborted(interrupted), services.ended]);
    if (interrupted.aborted || !end) return 130;
    if (end.killed) {
      services = startServices(workspace);
      say(`The services were killed and start again, as process ${services.pid}.`);
      continue;
    }
    if (end.code === 0) {
      say('The services were stopped. Kafka and PostgreSQL go on; `npm run postrider -- run all` starts them again.');
      await aborted(interrupted);
      return 130;
    }
    process.stderr.write(
      `The services ended by themselves. The end of ${workspace.logPath}:\n${await logTail(workspace.logPath, 15)}\n`,
    );
    return 1;
  }
}

function toPublish({ id, type, subject, data }: SampleEvent) {
  return { id, type, project, subject, data: Buffer.from(data) };
}

function answerText({ correlationId, outcome, reason, reply }: ReplyRecord): string {
  const { transfer_action: action } = (reply ?? {}) as { readonly transfer_action?: string };
  return `reply to ${correlationId}: ${outcome}${action === undefined ? '' : `, ${action}`}${reason === undefined ? '' : ` (${reason})`}`;
}

interface Receipt {
  readonly forged: readonly string[];
  readonly verified: ReadonlyMap<string, number>;
  readonly answer: ReplyRecord | undefined;
}

function report(summary: Summary, { forged, verified, answer }: Receipt, say: (line: string) => void): void {
  const byProfile = new Map<string, number>();
  for (const { id, profile } of sampleEndpoints)
    byProfile.set(profile, (byProfile.get(profile) ?? 0) + (verified.get(id) ?? 0));
  const requests = [...byProfile.values()].reduce((sum, n) => sum + n, 0);
  const counts = [...byProfile].map(([profile, n]) => `${profile} ${n}`).join(', ');
  say('');
  say(
    `${summary.delivered} delivered (${summary.retried} dispatches were tried more than once), ${summary.deadLettered} dead letters, ` +
      `${summary.suppressed} suppressed, ${summary.lost} lost; ${summary.auditRows} audit rows; ` +
      `${answer?.outcome === 'replied' ? 1 : 0} of 1 call answered.`,
  );
  say(`${requests} requests verified by the receiver: ${counts}.`);
  for (const problem of forged) say(`A request did not verify: ${problem}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    }
    signal.addEventListener('abort', finish, { once: true });
  });
}

const options = parseOptions(process.argv.slice(2));
if (options === 'help') process.stdout.write(usage);
else if ('problem' in options) {
  process.stderr.write(`${options.problem}\n\n${usage}`);
  process.exitCode = 2;
} else {
  const cleanup = new Cleanup();
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(1);
      process.stderr.write('\nStopping …\n');
      interrupt.abort();
    });
  }
  try {
    process.exitCode = await demonstrate(options, cleanup, interrupt.signal);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await cleanup.run();
  }
}
