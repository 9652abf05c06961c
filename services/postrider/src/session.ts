// One command while it runs: its configuration, its output, and whatever it opened, let go at its end. Waiting is bounded:
// no command hangs on a broker that is away.

import { openAuditReads, openDatabase, type AuditReads, type Database, type DatabaseRole } from '@postrider/postgres';
import type { KafkaAdmin, KafkaCluster } from '@postrider/kafka';
import { formatDuration, formatProblems } from '@postrider/runtime';
import { auditStatementMs } from './audit/limits.ts';
import type { CliIo } from './cli-io.ts';
import { openKafka } from './composition.ts';
import { CliError, type Whereabouts } from './failure.ts';
import { closeAbandonedMsMax, closeMsMax, databaseConnectionsMax } from './limits.ts';
import type { Output } from './output.ts';
import { loadSettings, postgresPlace, type PostriderConfig } from './settings.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly timeoutMs: number;
}

export class Session {
  readonly io: CliIo;
  readonly out: Output;
  readonly options: GlobalOptions;
  #config: PostriderConfig | undefined;
  #configFiles: readonly string[] = [];
  #cluster: KafkaCluster | undefined;
  readonly #closers: (() => Promise<void>)[] = [];
  #waitingFor = 'the command to end';
  /** What stands already of work that is done piece by piece; said when it ends early. */
  #reached = '';
  #abandoned = false;
  /** Set while a command is bounded in time. */
  #outOfTime: (() => void) | undefined;
  #stopTime: () => void = () => {};

  constructor(io: CliIo, out: Output, options: GlobalOptions) {
    this.io = io;
    this.out = out;
    this.options = options;
  }

  /** @throws CliError `config` naming everything that is wrong */
  get config(): PostriderConfig {
    if (this.#config) return this.#config;
    const loaded = loadSettings({ env: this.io.env, flags: this.options.set ?? [], path: this.options.config });
    if (!loaded.ok)
      throw new CliError('config', `the configuration is not valid:\n${indent(formatProblems(loaded.problems))}`);
    this.#configFiles = loaded.files;
    return (this.#config = loaded.config);
  }

  /** Paths of the files that the configuration was read from. */
  get configFiles(): readonly string[] {
    void this.config;
    return this.#configFiles;
  }

  get where(): Whereabouts {
    return { brokers: this.#config?.['kafka.brokers'] ?? [], postgres: postgresPlace(this.#config?.['postgres.url']) };
  }

  /** The cluster, once it has answered. */
  async kafka(): Promise<{ readonly cluster: KafkaCluster; readonly admin: KafkaAdmin }> {
    const cluster = (this.#cluster ??= this.#open(openKafka(this.config)));
    const admin = cluster.admin();
    this.waitFor(`Kafka at ${this.config['kafka.brokers'].join(', ')}`);
    await admin.clusterInfo();
    return { cluster, admin };
  }

  /** The URL of the audit database. */
  get postgresUrl(): string {
    const url = this.config['postgres.url'];
    if (url === undefined)
      throw new CliError(
        'config',
        'no audit database is configured: set POSTRIDER_POSTGRES_URL=postgres://user:password@host:port/database',
      );
    this.waitFor(`PostgreSQL at ${postgresPlace(url) ?? 'its address'}`);
    return url;
  }

  /** The read side of the audit tables. */
  reads(): AuditReads {
    const database = openDatabase({
      url: this.postgresUrl,
      connectionsMax: databaseConnectionsMax,
      applicationName: 'postrider cli',
    });
    this.#open(database);
    return openAuditReads(database, this.config.environment);
  }

  /** The audit database for work on everything, which may take as long as that takes. */
  auditDatabase(role?: DatabaseRole): Database {
    const database = openDatabase({
      url: this.postgresUrl,
      connectionsMax: databaseConnectionsMax,
      applicationName: 'postrider audit',
      statementTimeoutMs: auditStatementMs,
      ...(role !== undefined && { role }),
    });
    return this.#open(database);
  }

  /** From here on the work is as long as it is and says how far it has come; only Ctrl-C ends it early. */
  takeTime(): void {
    this.#stopTime();
    this.#outOfTime = undefined;
  }

  /** What is waited for from now on: said when time runs out, and the time begins anew. */
  waitFor(what: string): void {
    this.#waitingFor = what;
    this.#restartTime();
  }

  /** What is waited for comes in pieces, and one has come: the time begins anew. @param reached said when the rest does not come */
  goesOn(reached?: string): void {
    if (reached !== undefined) this.#reached = `: ${reached}`;
    this.#restartTime();
  }

  /** A person may think as long as they like. */
  async ask(question: string): Promise<string> {
    this.#stopTime();
    const answer = await this.io.ask(question);
    this.#restartTime();
    return answer;
  }

  /** `begin`, unless time runs out or somebody presses Ctrl-C. */
  async bounded<T>(begin: () => Promise<T>): Promise<T> {
    const { interrupted } = this.io;
    const ended = Promise.withResolvers<never>();
    const giveUp = (failure: CliError): void => {
      this.#abandoned = true;
      ended.reject(failure);
    };
    this.#outOfTime = () => {
      const message = `gave up after ${formatDuration(this.options.timeoutMs)} of waiting for ${this.#waitingFor} (--timeout changes that)${this.#reached}`;
      giveUp(new CliError('timeout', message));
    };
    this.#restartTime();
    const stop = (): void => giveUp(new CliError('interrupted', `interrupted${this.#reached}`));
    interrupted.addEventListener('abort', stop, { once: true });
    if (interrupted.aborted) stop();
    // Begun under the bound, so that it can take its time from its first step on.
    const work = begin();
    try {
      return await Promise.race([work, ended.promise]);
    } finally {
      this.#outOfTime = undefined;
      this.#stopTime();
      interrupted.removeEventListener('abort', stop);
      work.catch(() => undefined);
    }
  }

  /** Lets go of everything that was opened; a broker that is away cannot hold it up for long. */
  async close(): Promise<void> {
    const closed = Promise.all(this.#closers.splice(0).map((close) => close().catch(() => undefined)));
    const giveUp = Promise.withResolvers<void>();
    const cancel = this.io.timers.setTimer(this.#abandoned ? closeAbandonedMsMax : closeMsMax, giveUp.resolve);
    await Promise.race([closed, giveUp.promise]);
    cancel();
  }

  #restartTime(): void {
    this.#stopTime();
    if (this.#outOfTime) this.#stopTime = this.io.timers.setTimer(this.options.timeoutMs, this.#outOfTime);
  }

  #open<T extends { close(): Promise<void> }>(part: T): T {
    this.#closers.push(() => part.close());
    return part;
  }
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
