// Everything about a Kafka version that can be prepared once for this machine: formatted data folders to copy, and
// a class archive (AppCDS) that halves the start of the JVM.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { cached } from './cache-folder.ts';
import { pickPorts } from './free-port.ts';
import type { Java } from './java.ts';
import { writeClassArchive } from './kafka-class-archive.ts';
import { brokerProperties, propertiesText, type BrokerAddress } from './kafka-properties.ts';
import { kafkaJars, type KafkaVersion } from './kafka-jars.ts';
import { told, type Progress } from './progress.ts';
import { runToEnd } from './run-to-end.ts';

/** One id for all our clusters: 16 bytes in base64url, as the format tool wants it. They never meet. */
const CLUSTER_ID = 'UG9zdHJpZGVyRGV2U3Rjaw';

const NODE_IDS = [1, 2, 3] as const;

const ARCHIVE_NAME = 'classes.jsa';

export type KafkaRuntime = {
  version: KafkaVersion;
  java: Java;
  classPath: string;
  /** A formatted, empty data folder for a node id, to be copied. */
  formatted(nodeId: number): string;
  /** Formats a data folder for one broker of its own, with more arguments for the format tool. */
  format(options: { self: BrokerAddress; logDir: string; scratch: string; more: readonly string[] }): Promise<void>;
  /** The class archive, where this Java could make one. */
  archive: string | undefined;
};

/** Prepares (once) and describes what is needed to run brokers of `version` with `java`. */
export async function prepareKafka(
  version: KafkaVersion,
  java: Java,
  cache: string,
  progress: Progress,
): Promise<KafkaRuntime> {
  const jars = await kafkaJars(version, cache, progress);
  const classPath = jars.join(delimiter);
  const key = createHash('sha256')
    .update([java.command, java.version, classPath].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cache, `kafka-${version}-prepared-${key}`);
  await cached(folder, progress, async (building) => {
    await told(progress, `Preparing Apache Kafka ${version} for Java ${java.version} (once, about 5 s)`, async () => {
      await Promise.all(NODE_IDS.map((nodeId) => formatOfThree(java, classPath, building, nodeId)));
      const archive = join(building, ARCHIVE_NAME);
      const formatted = join(building, 'node-1');
      await writeClassArchive({ java: java.command, classPath, formatted, scratch: building, archive });
    });
  });
  const archive = join(folder, ARCHIVE_NAME);
  return {
    version,
    java,
    classPath,
    formatted: (nodeId) => join(folder, `node-${nodeId}`),
    format: (options) => format(java, classPath, { ...options, cluster: [options.self] }),
    archive: existsSync(archive) ? archive : undefined,
  };
}

async function formatOfThree(java: Java, classPath: string, building: string, nodeId: number): Promise<void> {
  const ports = await pickPorts(2 * NODE_IDS.length);
  const cluster = NODE_IDS.map((id, index) => ({
    nodeId: id,
    brokerPort: ports[2 * index] ?? 0,
    controllerPort: ports[2 * index + 1] ?? 0,
  }));
  const self = cluster.find((node) => node.nodeId === nodeId) as BrokerAddress;
  await format(java, classPath, {
    self,
    cluster,
    logDir: join(building, `node-${nodeId}`),
    scratch: building,
    more: [],
  });
}

async function format(
  java: Java,
  classPath: string,
  options: {
    self: BrokerAddress;
    cluster: readonly BrokerAddress[];
    logDir: string;
    scratch: string;
    more: readonly string[];
  },
): Promise<void> {
  const { self, cluster, logDir, scratch, more } = options;
  await mkdir(logDir);
  const file = join(scratch, `format-${self.nodeId}.properties`);
  await writeFile(file, propertiesText(brokerProperties({ self, cluster, logDir })));
  await runToEnd({
    command: java.command,
    args: [
      '-XX:TieredStopAtLevel=1',
      '-Xshare:auto',
      '-cp',
      classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      CLUSTER_ID,
      '-c',
      file,
      ...more,
    ],
    code: 'start-failed',
  });
  await rm(file);
  if (readdirSync(logDir).length === 0) throw new Error(`The format tool left ${logDir} empty`);
}
