// Fills a book of checkpoints from where they are kept: the topic, or files of lines that were put away.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { topicNames } from '@postrider/core/contracts';
import type { KafkaCluster } from '@postrider/kafka';
import type { CliIo } from '../cli-io.ts';
import { CliError } from '../failure.ts';
import type { CheckpointBook } from './checkpoint-book.ts';

/** Everything on `<env>.audit.checkpoints`. @throws KafkaError */
export async function readCheckpointTopic(
  book: CheckpointBook,
  { cluster, environment, timeoutMs }: { cluster: Pick<KafkaCluster, 'scan'>; environment: string; timeoutMs: number },
): Promise<void> {
  const topic = topicNames(environment).checkpoints;
  await cluster.scan({
    topic,
    from: 'earliest',
    timeoutMs,
    onRecord: ({ value, partition, offset }) => book.take(value, `the checkpoint at ${topic}/${partition}/${offset}`),
  });
}

/** @throws CliError when the file cannot be read */
export function readCheckpointFile(book: CheckpointBook, io: Pick<CliIo, 'readFile'>, path: string): void {
  let number = 0;
  for (const line of linesOf(read(io, path))) {
    number += 1;
    if (!isBlank(line)) book.take(line, `line ${number} of ${path}`);
  }
}

/** Without a text of the whole: half a gigabyte, which is what a text can be, is a week of a busy installation. */
function* linesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(0x0a, from);
    const end = found < 0 ? bytes.length : found;
    yield bytes.subarray(from, end);
    from = end + 1;
  }
}

const isBlank = (line: Buffer): boolean => line.every((byte) => byte <= 0x20);

/** @param path of a PEM file with an Ed25519 public key. @throws CliError */
export function readPublicKey(io: Pick<CliIo, 'readFile'>, path: string): KeyObject {
  const pem = read(io, path);
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Told below: whatever is wrong with it, it is not such a key.
  }
  throw new CliError('invalid-input', `${path} holds no Ed25519 public key in PEM form`);
}

function read(io: Pick<CliIo, 'readFile'>, path: string): Buffer {
  try {
    return io.readFile(path);
  } catch (error) {
    throw new CliError(
      'invalid-input',
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
