// A file is found by its name: kebab-case, and a name that says what is inside instead of "various things".
import path from 'node:path';
import { isCode, type SourceFile, type Violation } from '../source-tree.ts';

const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Names that hold anything, as the whole name of a file or a folder. */
const EMPTY_NAMES = new Set(['util', 'utils', 'common', 'helper', 'helpers', 'type', 'types', 'manager', 'misc']);

/** As the last word they say no more: `kafka-utils`, `connection-manager`. (`event-types` is a thing, so not that one.) */
const EMPTY_LAST_WORD = /-(?:utils?|common|helpers?|manager|misc)$/;

export function fileNames(files: readonly SourceFile[]): Violation[] {
  return files.filter(isCode).flatMap((file) => {
    const parts = file.path.split('/');
    const name = parts.pop() ?? '';
    const stem = path.posix.basename(name).replace(/\.(?:ts|mts|mjs|js)$/, '');
    const words = [...parts, ...stem.split('.')];
    const notKebab = words.filter((word) => !KEBAB.test(word) && !word.startsWith('.'));
    const empty = words.filter((word) => EMPTY_NAMES.has(word) || EMPTY_LAST_WORD.test(word));
    return [
      ...notKebab.map((word) => ({ path: file.path, line: 0, message: `"${word}" is not kebab-case` })),
      ...empty.map((word) => ({
        path: file.path,
        line: 0,
        message: `"${word}" names nothing: name the one concept inside`,
      })),
    ];
  });
}
