// One or three brokers of one stack: started together, killed and restarted one by one for fault tests.

import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { spawnGuarded, type GuardedProcess } from './guarded-process.ts';
import { countBrokers } from './kafka-probe.ts';
import { brokerProperties, propertiesText, type BrokerAddress, type BrokerProperties } from './kafka-properties.ts';
import type { KafkaRuntime } from './kafka-runtime.ts';
import { scramArguments, type KafkaSecurity, type SecurePorts } from './kafka-security.ts';
import { KAFKA_READY_TIMEOUT_MS, READY_POLL_MS } from './limits.ts';
import { logTail } from './log-tail.ts';
import type { ProcessLedger } from './process-ledger.ts';
import { StackError } from './stack-error.ts';

/** `test`: small and quick to start. `bench`: G1, a real heap, the optimising compiler. */
export type KafkaProfile = 'test' | 'bench';

export type KafkaCluster = {
  readonly addresses: string[];
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process has gone. All brokers, or the one with this node id (1-based). */
  kill(nodeId?: number): Promise<void>;
  /** Starts what is down, on the same ports and data; resolves when all brokers see each other. */
  restart(nodeId?: number): Promise<void>;
};

export function describeKafkaCluster(options: {
  runtime: KafkaRuntime;
  folder: string;
  nodes: readonly BrokerAddress[];
  ledger: ProcessLedger;
  profile: KafkaProfile;
  heapMb: number;
  /** One broker only: the users' passwords are written when its data folder is made. */
  secure?: { ports: SecurePorts; security: KafkaSecurity } | undefined;
  properties?: BrokerProperties | undefined;
}): KafkaCluster {
  const { runtime, folder, nodes, ledger } = options;
  const running = new Map<number, GuardedProcess>();
  const wanted = (nodeId?: number): readonly BrokerAddress[] =>
    nodeId === undefined ? nodes : nodes.filter((node) => node.nodeId === nodeId);
  const logFile = (node: BrokerAddress): string => join(folder, `kafka-${node.nodeId}.log`);

  async function launch(node: BrokerAddress): Promise<void> {
    const before = running.get(node.nodeId);
    if (before && before.ended() === undefined) return;
    const logDir = join(folder, `kafka-${node.nodeId}`);
    mkdirSync(folder, { recursive: true });
    if (!existsSync(join(logDir, 'meta.properties'))) await makeDataFolder(node, logDir);
    const file = join(folder, `kafka-${node.nodeId}.properties`);
    writeFileSync(
      file,
      propertiesText(
        brokerProperties({ self: node, cluster: nodes, logDir, secure: options.secure, overrides: options.properties }),
      ),
    );
    const child = await spawnGuarded({
      command: runtime.java.command,
      args: [...jvmOptions(options, runtime.archive), '-cp', runtime.classPath, 'kafka.Kafka', file],
      env: javaEnvironment(),
      logFile: logFile(node),
    });
    running.set(node.nodeId, child);
    ledger.record({ ...child.identity, name: `kafka-${node.nodeId}`, marker: file, stopSignal: 'SIGTERM' });
    void child.exited.then(() => ledger.forget(child.identity.pid));
  }

  async function makeDataFolder(node: BrokerAddress, logDir: string): Promise<void> {
    if (options.secure) {
      await runtime.format({ self: node, logDir, scratch: folder, more: scramArguments(options.secure.security) });
    } else cpSync(runtime.formatted(node.nodeId), logDir, { recursive: true });
  }

  async function ready(node: BrokerAddress, brokers: number): Promise<void> {
    const deadline = performance.now() + KAFKA_READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const ended = running.get(node.nodeId)?.ended();
      if (ended !== undefined) throw notStarted(node, `ended (${ended})`);
      if ((await countBrokers(node.brokerPort)) === brokers) return;
      await delay(READY_POLL_MS);
    }
    throw notStarted(node, `did not answer within ${KAFKA_READY_TIMEOUT_MS / 1000} s`);
  }

  function notStarted(node: BrokerAddress, how: string): StackError {
    const where = logFile(node);
    return new StackError(
      'start-failed',
      `Kafka broker ${node.nodeId} ${how}. The end of ${where}:\n${logTail(where)}`,
    );
  }

  async function start(nodeId?: number): Promise<void> {
    await Promise.all(wanted(nodeId).map(launch));
    const alive = [...running.values()].filter((child) => child.ended() === undefined).length;
    await Promise.all(wanted(nodeId).map((node) => ready(node, alive)));
  }

  async function stop(): Promise<void> {
    await Promise.all([...running.values()].map((child) => child.stop()));
  }

  return {
    addresses: nodes.map((node) => `127.0.0.1:${node.brokerPort}`),
    async start() {
      try {
        await start();
      } catch (error) {
        // One of three may have failed: the others must not stay.
        await stop();
        throw error;
      }
    },
    restart: (nodeId) => start(nodeId),
    stop,
    async kill(nodeId) {
      await Promise.all(wanted(nodeId).map(async (node) => running.get(node.nodeId)?.kill()));
    },
  };
}

function jvmOptions(options: { profile: KafkaProfile; heapMb: number }, archive: string | undefined): string[] {
  const speed =
    options.profile === 'bench'
      ? ['-XX:+UseG1GC']
      : ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];
  return [
    ...speed,
    `-Xmx${options.heapMb}m`,
    // An archive that does not fit (another collector, say) is passed over silently.
    ...(archive === undefined
      ? []
      : [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto', '-Xlog:cds=off', '-Xlog:cds+dynamic=off']),
    '-Djava.awt.headless=true',
    '-Djava.net.preferIPv4Stack=true',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.log.kafka.server=info',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
  ];
}

/** Ours without what would change the JVM behind our back or makes it write to stdout. */
function javaEnvironment(): NodeJS.ProcessEnv {
  const { JAVA_TOOL_OPTIONS: _a, _JAVA_OPTIONS: _b, KAFKA_OPTS: _c, CLASSPATH: _d, ...env } = process.env;
  return env;
}
