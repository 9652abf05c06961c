// What the house rules look at: every file of a tree, as path and text. The rules get files and give violations, so the
// same rule runs on the repository and on its own bad fixture.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One file; `path` is relative to the root of its tree, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** One finding; `line` is 1-based, 0 when it concerns the file as a whole. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Folders that are made by tools. The fixtures are bad on purpose. */
const SKIPPED_FOLDERS = new Set(['node_modules', '.git', '.postrider', 'coverage']);
const FIXTURES = 'test/architecture/fixtures';

/** What git ignores besides folders. */
const SKIPPED_FILES = /(?:\.log|^\.DS_Store|^\.git)$/;

/** Reads every text file under `root`, sorted by path; a NUL tells what is no text. */
export function readTree(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const relative = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name) && relative !== FIXTURES) pending.push(relative);
      } else if (entry.isFile() && !SKIPPED_FILES.test(entry.name)) {
        const text = readFileSync(path.join(root, relative), 'utf8');
        if (!text.includes('\0')) files.push({ path: relative, text });
      }
    }
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** The 1-based line of an offset in `text`. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** Lines as an editor counts them: a newline at the end opens no further line. */
export function countLines(text: string): number {
  if (text === '') return 0;
  const newlines = text.split('\n').length - 1;
  return text.endsWith('\n') ? newlines : newlines + 1;
}

/** Source code in the languages the rules can parse. */
export function isCode(file: SourceFile): boolean {
  return /\.(?:ts|mts|mjs|js)$/.test(file.path);
}

/** Code that only tests run: files named `*.test.*` and everything under test/. */
export function isTest(file: SourceFile): boolean {
  return /\.test\.(?:ts|mjs)$/.test(file.path) || file.path.startsWith('test/');
}

/** `path:line message`, the form that editors can follow and that the fixtures' expected.txt holds. */
export function formatViolation({ path: file, line, message }: Violation): string {
  return line === 0 ? `${file} ${message}` : `${file}:${line} ${message}`;
}
