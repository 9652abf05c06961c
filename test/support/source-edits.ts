// Edits of product source that hold for one process: a fault needs a place in the code, and the code must not know of it. A
// process that is started with `withSourceEdits` reads the named files with the edits made; nothing on disk changes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface SourceEdit {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const root = join(import.meta.dirname, '..', '..');

/** Environment variable by which source-hook.ts is told. */
export const editsVariable = 'SOURCE_EDITS';

/** The text with the edit made. @throws when what it looks for does not stand there exactly once */
export function applySourceEdit(text: string, { name, file, find, replace }: SourceEdit): string {
  const [before, after, ...more] = text.split(find);
  if (after !== undefined && more.length === 0) return `${before}${replace}${after}`;
  throw new Error(
    `the edit ${name} finds its place in ${file} ${text.split(find).length - 1} times, not once: adapt it to the source\n${find}`,
  );
}

/** The file as it stands in the repository now. */
export function sourceOf({ file }: Pick<SourceEdit, 'file'>): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The environment of a Node process that reads the files of these edits with them made. */
export function withSourceEdits(edits: readonly SourceEdit[]): Record<string, string> {
  const located = edits.map((edit) => ({ ...edit, url: pathToFileURL(join(root, edit.file)).href }));
  return {
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'source-hook.ts')).href}`,
    [editsVariable]: JSON.stringify(located),
  };
}
