// How a source file is built: it opens by saying why it exists, it is short, and it does not pass on the exports of others.
import { LONG_FILES } from '../exceptions.ts';
import { factsOf } from '../module-facts.ts';
import { countLines, isCode, isTest, type SourceFile, type Violation } from '../source-tree.ts';

/** More than this on one file is more than one concept. */
const LINES_MAX = 400;

/** Shorter than this, a comment says no reason. */
const OPENING_CHARACTERS_MIN = 20;

/** Files that are the surface of a package and may therefore consist of re-exports, by name and never by `*`. */
const SURFACE =
  /^(?:(?:packages|services)\/[^/]+\/src\/index|infra\/(?:dev|demo)\/src\/index|packages\/core\/src\/(?:domain|contracts)\/index)\.ts$/;

/** No `export *`, no barrel inside a package. */
export function noBarrels(files: readonly SourceFile[]): Violation[] {
  return files.filter(isCode).flatMap((file) => {
    const { exportStars, isBarrel } = factsOf(file);
    const stars = exportStars.map((line) => ({
      path: file.path,
      line,
      message: 'export *: name what leaves the file',
    }));
    const barrel = (isBarrel || /(?:^|\/)index\.[a-z]+$/.test(file.path)) && !SURFACE.test(file.path);
    if (!barrel) return stars;
    return [...stars, { path: file.path, line: 0, message: 'is a barrel: import from the file that defines the name' }];
  });
}

/** Every source file opens with a comment of why it exists. Unit tests are exempt: their names are sentences. */
export function openingComments(files: readonly SourceFile[]): Violation[] {
  return files
    .filter((file) => isCode(file) && !/\.test\.(?:ts|mjs)$/.test(file.path))
    .filter((file) => {
      const text = factsOf(file).openingComment.replaceAll(/^[\s*]+/gm, '');
      return text.length < OPENING_CHARACTERS_MIN || /^(?:oxlint|eslint|@ts-|copyright|spdx)/i.test(text);
    })
    .map((file) => ({ path: file.path, line: 1, message: 'opens without a comment of why it exists' }));
}

/** At most 400 lines, or an entry with its reason; and no entry that is no longer true. */
export function fileLength(
  files: readonly SourceFile[],
  exceptions: Readonly<Record<string, string>> = LONG_FILES,
): Violation[] {
  const tooLong = files.filter((file) => isCode(file) && countLines(file.text) > LINES_MAX);
  const unlisted = tooLong
    .filter((file) => (exceptions[file.path] ?? '').trim() === '')
    .map((file) => ({
      path: file.path,
      line: 0,
      message: `has ${countLines(file.text)} lines: cut it, or give the reason in test/architecture/exceptions.ts`,
    }));
  const stale = Object.keys(exceptions)
    .filter((listed) => !tooLong.some((file) => file.path === listed))
    .map((listed) => ({
      path: listed,
      line: 0,
      message: `is listed as long and has not over ${LINES_MAX} lines: strike it`,
    }));
  return [...unlisted, ...stale];
}

/** A skipped test says why, in a comment on its line or just above; `only` never stays. */
export function skippedTests(files: readonly SourceFile[]): Violation[] {
  return files
    .filter((file) => isCode(file) && isTest(file))
    .flatMap((file) =>
      factsOf(file).testCalls.flatMap(({ name, line, reason }) => {
        if (/\.only\b/.test(name))
          return [{ path: file.path, line, message: `${name}: the other tests would not run` }];
        if (/\.(?:skip|skipIf|runIf|todo|fails)\b/.test(name) && !reason) {
          return [{ path: file.path, line, message: `${name} without a reason: say it in a comment above` }];
        }
        return [];
      }),
    );
}
