// `postrider doctor`: looks at everything that Postrider needs and says how to mend what is wrong.

import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { openKafka } from '../composition.ts';
import { endpointChecks, receiverFindings, type EndpointPorts } from '../doctor/endpoint-checks.ts';
import { inOrder, type Finding } from '../doctor/finding.ts';
import { findingsText } from '../doctor/findings-text.ts';
import {
  brokerChecks,
  clusterCheck,
  groupChecks,
  retentionCheck,
  rightsCheck,
  topicCheck,
  type KafkaPorts,
} from '../doctor/kafka-checks.ts';
import { probeCheck } from '../doctor/kafka-probe.ts';
import { postgresCheck } from '../doctor/postgres-checks.ts';
import { runChecks, type Check } from '../doctor/run-checks.ts';
import { readEndpoints } from '../endpoint-table.ts';
import { readGone } from '../gone-endpoints.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { openSecrets } from '../secret-access.ts';
import type { Session } from '../session.ts';
import { counted } from '../table-text.ts';

interface DoctorFlags {
  readonly probe?: boolean;
  readonly strict?: boolean;
}

export const addDoctor: AddCommand = (parent, runner) => {
  parent
    .command('doctor')
    .description(
      'look at brokers, topics, rights, retention, PostgreSQL, clocks, secrets and receivers; say how to mend each',
    )
    .option('--probe', 'also make, write, read and delete a topic: shows rights to write, and the clock of the broker')
    .option('--strict', 'end with 1 on warnings too')
    .addHelpText(
      'before',
      examples('postrider doctor', 'postrider doctor --json --strict', 'postrider doctor --probe --timeout 5s'),
    )
    .action((flags: DoctorFlags, command: Command) =>
      // Each check has a time limit of its own.
      runner.unbounded(command, (session) => untilInterrupted(session, examine(session, flags))),
    );
};

async function examine(session: Session, flags: DoctorFlags): Promise<ExitCode> {
  const { config, io, options, out } = session;
  const { timeoutMs } = options;
  const now = io.clock.now;
  const note = (text: string): void => out.note(text);
  const run = (checks: readonly Check[]): Promise<Finding[]> =>
    runChecks(checks, {
      timeoutMs,
      timers: io.timers,
      where: session.where,
      onDone: ({ area, subject }, findings) => note(`${area} ${subject}: ${worst(findings)}`),
    });

  const found = await run(brokerChecks(config));
  const answered = found.some(({ level }) => level === 'ok');
  const cluster = openKafka(config);
  try {
    const kafka: KafkaPorts | undefined = answered
      ? { config, cluster, admin: cluster.admin(), now, timeoutMs }
      : undefined;
    const { environment } = config;
    const postgres = postgresCheck({ url: config['postgres.url'], environment, now, admin: kafka?.admin });
    if (kafka === undefined) {
      note('no broker answers: topics, rights, groups and endpoints are not looked at');
      found.push(...(await run([postgres])));
    } else {
      const probe = { ...kafka, environment, word: randomBytes(4).toString('hex') };
      const checks = [clusterCheck(kafka), topicCheck(kafka), rightsCheck(kafka), ...groupChecks(kafka), postgres];
      const [first, second] = await Promise.all([
        run([...checks, ...(flags.probe ? [probeCheck(probe)] : [])]),
        examineEndpoints(session, kafka, run),
      ]);
      found.push(...first, ...second);
    }
  } finally {
    await cluster.close();
  }
  const findings = inOrder(found);
  out.list(findings, (items) => findingsText(items, out));
  const bad = findings.filter(({ level }) => level === 'problem' || (flags.strict === true && level === 'warning'));
  return bad.length > 0 ? exitCodes.failure : exitCodes.ok;
}

/** Everything that needs the endpoint table, once that has been read. */
async function examineEndpoints(
  session: Session,
  kafka: KafkaPorts,
  run: (checks: readonly Check[]) => Promise<Finding[]>,
): Promise<Finding[]> {
  const { config, out } = session;
  let ports: EndpointPorts | undefined;
  const read = await run([
    {
      area: 'endpoints',
      subject: 'the table',
      async run() {
        const present = await kafka.admin.describeTopics([`${config.environment}.endpoints`]);
        // That it is missing is told by the topics.
        if (present.size === 0) return [];
        ports = {
          config,
          snapshot: await readEndpoints(kafka.cluster, config.environment, kafka.timeoutMs),
          gone: await readGone(kafka.cluster, config.environment, kafka.timeoutMs),
          secrets: openSecrets(session).source,
          now: kafka.now,
          timeoutMs: kafka.timeoutMs,
          note: (text) => out.note(text),
        };
        return [];
      },
    },
  ]);
  if (ports === undefined) return read;
  const endpoints = [...ports.snapshot.endpoints.values()];
  // Bounded for each receiver; hundreds of silent ones take longer than one check may.
  const [rest, receivers] = await Promise.all([
    run([...endpointChecks(ports), retentionCheck(kafka, endpoints)]),
    receiverFindings(ports),
  ]);
  return [...read, ...rest, ...receivers];
}

function worst(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems > 0) return counted(problems, 'problem');
  return warnings > 0 ? counted(warnings, 'warning') : 'ok';
}

async function untilInterrupted<T>({ io }: Session, work: Promise<T>): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const stop = (): void => ended.reject(new CliError('interrupted', 'interrupted'));
  io.interrupted.addEventListener('abort', stop, { once: true });
  if (io.interrupted.aborted) stop();
  try {
    return await Promise.race([work, ended.promise]);
  } finally {
    io.interrupted.removeEventListener('abort', stop);
    work.catch(() => undefined);
  }
}
