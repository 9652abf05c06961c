// Documents that say something checkable are checked: the commands in a README exist, and the reading path of
// ARCHITECTURE.md is short, whole and in order.
import { factsOf } from '../module-facts.ts';
import { countLines, isCode, lineAt, type SourceFile, type Violation } from '../source-tree.ts';

const READING_PATH_FILES_MAX = 8;
const READING_PATH_LINES_MAX = 1_000;

/** npm's own verbs that need no script; `start`, `test`, `stop` and `restart` run the script of that name. */
const NPM_SCRIPT_VERBS = new Set(['start', 'test', 'stop', 'restart']);

/** Every `npm run x`, `npm start` and `npm test` that a markdown file names is a script of the root. */
export function namedCommands(files: readonly SourceFile[]): Violation[] {
  const manifest = files.find((file) => file.path === 'package.json');
  const scripts = (JSON.parse(manifest?.text ?? '{}') as { scripts?: Record<string, string> }).scripts ?? {};
  return files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) =>
      [...file.text.matchAll(/\bnpm (?:run(?:-script)? (?:-s |--silent )?([\w:-]+)|([a-z]+))/g)].flatMap((match) => {
        const script = match[1] ?? (NPM_SCRIPT_VERBS.has(match[2] ?? '') ? match[2] : undefined);
        if (script === undefined || Object.hasOwn(scripts, script)) return [];
        return [
          {
            path: file.path,
            line: lineAt(file.text, match.index),
            message: `names \`npm run ${script}\`, which package.json does not have`,
          },
        ];
      }),
    );
}

/**
 * The section "The reading path" of ARCHITECTURE.md: a numbered list, each item beginning with a file in backticks and
 * naming at least one function of that file, also in backticks and with parentheses: 1. `services/x/src/y.ts`: `plan()`.
 * Of two files in a row the earlier imports the later (directly, through its package, or over a topic, which the item
 * then says as "topic" with its name in backticks); otherwise the path is a list and no path.
 */
export function readingPath(files: readonly SourceFile[]): Violation[] {
  const page = files.find((file) => file.path === 'ARCHITECTURE.md');
  const at = (line: number, message: string): Violation => ({ path: 'ARCHITECTURE.md', line, message });
  if (page === undefined) return [at(0, 'is missing')];
  const { items, line } = readItems(page.text);
  if (items.length === 0) return [at(line, 'has no section "The reading path" with a numbered list')];

  const byPath = new Map(files.map((file) => [file.path, file]));
  const violations: Violation[] = [];
  let lines = 0;
  for (const item of items) {
    const file = byPath.get(item.file);
    if (file === undefined || !isCode(file)) {
      violations.push(at(item.line, `names ${item.file}, which is no source file here`));
      continue;
    }
    lines += countLines(file.text);
    const { defined } = factsOf(file);
    if (item.functions.length === 0)
      violations.push(at(item.line, `names no function of ${item.file}: write \`name()\``));
    for (const name of item.functions) {
      if (!defined.has(name))
        violations.push(at(item.line, `says that ${item.file} defines ${name}, which it does not`));
    }
  }
  const distinct = new Set(items.map((item) => item.file)).size;
  if (distinct > READING_PATH_FILES_MAX)
    violations.push(at(line, `has ${distinct} files, over ${READING_PATH_FILES_MAX}`));
  if (lines > READING_PATH_LINES_MAX)
    violations.push(at(line, `has ${lines} lines to read, over ${READING_PATH_LINES_MAX}`));
  return [...violations, ...brokenSteps(items, byPath, at)];
}

interface Item {
  readonly file: string;
  readonly functions: readonly string[];
  readonly topic: boolean;
  readonly line: number;
}

/** The numbered items of the section; an item goes on over the lines that are indented under it. */
function readItems(text: string): { items: Item[]; line: number } {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^#{1,6}\s+The reading path\s*$/i.test(line));
  if (start === -1) return { items: [], line: 0 };
  const blocks: { text: string; line: number }[] = [];
  for (const [index, line] of lines.entries()) {
    if (index <= start) continue;
    if (/^#{1,6}\s/.test(line)) break;
    const last = blocks.at(-1);
    if (/^\d+\.\s/.test(line)) blocks.push({ text: line, line: index + 1 });
    else if (last !== undefined && /^\s+\S/.test(line)) last.text += ` ${line.trim()}`;
  }
  const items = blocks.map((block) => {
    const [file = '', ...rest] = [...block.text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
    const functions = rest.flatMap((code) => /^([A-Za-z_$][\w$]*)\(\)$/.exec(code)?.[1] ?? []);
    return { file, functions, topic: /\btopic\b/i.test(block.text), line: block.line };
  });
  return { items, line: start + 1 };
}

/** A step holds when a file already read mentions a function of the next, or when the item says that a topic lies between. */
function brokenSteps(
  items: readonly Item[],
  byPath: ReadonlyMap<string, SourceFile>,
  at: (line: number, message: string) => Violation,
): Violation[] {
  return items.slice(1).flatMap((item, index) => {
    if (item.topic) return [];
    const earlier = items.slice(0, index + 1).flatMap((read) => byPath.get(read.file)?.text ?? []);
    const reached = item.functions.some((name) => earlier.some((text) => new RegExp(`\\b${name}\\b`).test(text)));
    return reached || item.functions.length === 0
      ? []
      : [
          at(
            item.line,
            `jumps to ${item.file}: no file before it mentions ${item.functions.join(' or ')}, and the item names no topic`,
          ),
        ];
  });
}
