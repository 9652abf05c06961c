// What `sign` and `verify` read: secrets from files, a body, a moment. Neither needs a configuration or a running stack.

import { isUtf8 } from 'node:buffer';
import type { CliIo } from './cli-io.ts';
import { CliError } from './failure.ts';
import { momentMs } from './form-values.ts';
import { proofBodyBytesMax } from './limits.ts';

export interface ProofSecret {
  readonly id: string;
  readonly value: Buffer;
}

/**
 * Secrets of `--secret-file`, each with the `--key-id` at its place, else `key-1`, `key-2`, … One newline at a file's end is
 * no part of a secret, as everywhere in Postrider.
 * @throws CliError naming the file, never its content
 */
export function readSecretFiles(
  io: Pick<CliIo, 'readFile'>,
  paths: readonly string[],
  keyIds: readonly string[] = [],
): ProofSecret[] {
  if (keyIds.length > paths.length) throw new CliError('usage', 'there are more --key-id than --secret-file');
  return paths.map((path, index) => ({ id: keyIds[index] ?? `key-${index + 1}`, value: readSecretFile(io, path) }));
}

/** @throws CliError naming the file, never its content */
export function readSecretFile(io: Pick<CliIo, 'readFile'>, path: string): Buffer {
  const bytes = readWhole(io, path);
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= bytes[end - 2] === 0x0d ? 2 : 1;
  if (end === 0) throw new CliError('invalid-input', `${path} is empty`);
  return bytes.subarray(0, end);
}

/**
 * The bytes of a body: `-` is stdin; what begins with `{`, `[` or `"` is the body itself; anything else is the path of a
 * file. Nothing is taken off, since every byte is signed.
 */
export async function readBody(io: Pick<CliIo, 'readFile' | 'readStdin'>, given: string): Promise<Buffer> {
  const bytes =
    given === '-' ? await io.readStdin() : /^\s*[{["]/.test(given) ? Buffer.from(given) : readWhole(io, given);
  if (bytes.length > proofBodyBytesMax)
    throw new CliError('invalid-input', `the body has more than ${proofBodyBytesMax} bytes`);
  if (!isUtf8(bytes)) throw new CliError('invalid-input', 'the body is not UTF-8');
  return bytes;
}

/** Epoch ms of an ISO 8601 moment, of seconds (up to 11 digits) or of milliseconds (12 digits and more). */
export function readInstant(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return momentMs(text);
  return text.length < 12 ? Number(text) * 1_000 : Number(text);
}

/** @throws CliError `invalid-input` */
export function readWhole(io: Pick<CliIo, 'readFile'>, path: string): Buffer {
  try {
    return io.readFile(path);
  } catch (error) {
    throw new CliError('invalid-input', `cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}
