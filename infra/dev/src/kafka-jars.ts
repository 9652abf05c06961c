// Apache Kafka's jars: exactly those of the committed lock, by Maven where there is one, else by an npm client for
// Maven artifacts; each checked against its sha256 before the cache entry becomes visible.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cached } from './cache-folder.ts';
import { DOWNLOAD_TIMEOUT_MS } from './limits.ts';
import { told, type Progress } from './progress.ts';
import { runToEnd } from './run-to-end.ts';
import { StackError, reasonOf } from './stack-error.ts';

/** The Kafka versions that have a lock file here: the current one, and the oldest that we support. */
export const kafkaVersions = ['4.3.1', '3.9.2'] as const;
export type KafkaVersion = (typeof kafkaVersions)[number];

type KafkaLock = {
  kafkaVersion: string;
  bytes: number;
  /** File name → Maven coordinates (`group:artifact:version`) and the sha256 of the file, in hex. */
  jars: Record<string, { coordinates: string; sha256: string }>;
};

/** npm's client has no batches of its own; more than this at once gains nothing. */
const PARALLEL_DOWNLOADS = 6;

/**
 * The jars of one Kafka version, as full paths in class path order.
 *
 * @throws {StackError} `download-failed` or `checksum-mismatch`, with what to do
 */
export async function kafkaJars(version: KafkaVersion, cache: string, progress: Progress): Promise<string[]> {
  const lock = readLock(version);
  const names = Object.keys(lock.jars).toSorted();
  const folder = join(cache, `kafka-${version}-${digestOf(lock).slice(0, 12)}`);
  await cached(folder, progress, async (building) => {
    const megabytes = Math.round(lock.bytes / 1e6);
    await told(progress, `Downloading Apache Kafka ${version} (${megabytes} MB)`, () =>
      download(lock, building, progress),
    );
    await verify(lock, building);
  });
  return names.map((name) => join(folder, name));
}

function readLock(version: KafkaVersion): KafkaLock {
  return JSON.parse(readFileSync(join(import.meta.dirname, '..', `kafka-${version}.lock.json`), 'utf8')) as KafkaLock;
}

function digestOf(lock: KafkaLock): string {
  return createHash('sha256').update(JSON.stringify(lock.jars)).digest('hex');
}

async function download(lock: KafkaLock, folder: string, progress: Progress): Promise<void> {
  try {
    await downloadByMaven(lock, folder);
    return;
  } catch (mavenError) {
    progress(`Maven could not be used (${firstLine(mavenError)}); downloading by the npm client for Maven artifacts`);
    try {
      await downloadByNpmClient(lock, folder);
    } catch (npmError) {
      throw new StackError(
        'download-failed',
        [
          'The jars of Apache Kafka could not be downloaded. Check the network (behind a proxy, configure Maven for it), or set POSTRIDER_KAFKA_BROKERS to a Kafka that runs already.',
          `  Maven: ${reasonOf(mavenError)}`,
          `  npm client: ${reasonOf(npmError)}`,
        ].join('\n'),
        { cause: npmError },
      );
    }
  }
}

async function downloadByMaven(lock: KafkaLock, folder: string): Promise<void> {
  const pom = join(folder, 'pom.xml');
  await writeFile(pom, pomOf(lock));
  const output = `-DoutputDirectory=${folder}`;
  await runToEnd({
    command: 'mvn',
    args: ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', output],
    code: 'download-failed',
    cwd: folder,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  await rm(pom);
}

/** Every jar of the lock by name and nothing by inheritance: Maven has no choice left to make. */
function pomOf(lock: KafkaLock): string {
  const everything = '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>';
  const dependencies = Object.values(lock.jars).map(({ coordinates }) => {
    const [group, artifact, version] = coordinates.split(':');
    const names = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
    return `    <dependency>${names}${everything}</dependency>`;
  });
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>postrider</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>',
    '  <dependencies>',
    ...dependencies,
    '  </dependencies>',
    '</project>',
  ].join('\n');
}

async function downloadByNpmClient(lock: KafkaLock, folder: string): Promise<void> {
  // A CommonJS module with an export named `default`: Node's own default is the whole exports object.
  const { default: client } = await import('mvn-artifact-download');
  const waiting = Object.entries(lock.jars);
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await client.default(next[1].coordinates, folder, undefined, next[0], { timeout: DOWNLOAD_TIMEOUT_MS });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_DOWNLOADS }, worker));
}

async function verify(lock: KafkaLock, folder: string): Promise<void> {
  for (const [name, { sha256 }] of Object.entries(lock.jars)) {
    const found = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
    if (found !== sha256) {
      throw new StackError(
        'checksum-mismatch',
        `${name} has sha256 ${found}, but the lock file says ${sha256}. Nothing was kept; try again, and distrust the registry or proxy if it comes back.`,
      );
    }
  }
}

function firstLine(error: unknown): string {
  return reasonOf(error).split('\n')[0] ?? '';
}
