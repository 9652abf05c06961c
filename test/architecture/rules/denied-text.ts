// What must not be written down anywhere: paths of somebody's machine, hosts of package registries (a mirror is a matter
// of each machine's settings), and the words of the deny list.
import { DENIED } from '../exceptions.ts';
import { lineAt, type SourceFile, type Violation } from '../source-tree.ts';

/** Home folders; the names that documents use for "some user" are no machine's. */
const HOME_PATHS =
  /(?<![\w.])(?:\/home\/(?!user\b|node\b|postrider\b)[\w.-]+\/|\/Users\/(?!user\b)[\w.-]+\/|\/root\/|[A-Z]:\\Users\\)/g;

/** Written in pieces, so that this file does not hold what it forbids. */
const REGISTRY_HOSTS = new RegExp(
  [
    'registry\\.(?:npmjs|yarnpkg)',
    'registry\\.npmmirror',
    'repo1?\\.maven',
    'repo\\.maven',
    'pypi\\.org',
    'files\\.pythonhosted',
    'static\\.crates',
    'proxy\\.golang',
    'deb\\.debian',
  ]
    .map((host) => `\\b${host}\\b`)
    .join('|'),
  'g',
);

/** `machinePaths`: absolute folders of the machine that runs the check, which may appear in no file. */
export function deniedText(files: readonly SourceFile[], machinePaths: readonly string[] = []): Violation[] {
  return files.flatMap((file) => [
    ...find(file, HOME_PATHS, 'holds a path of a home folder'),
    ...find(file, REGISTRY_HOSTS, 'holds the host name of a package registry'),
    ...machinePaths.flatMap((folder) => find(file, literal(folder), 'holds a path of this machine')),
    ...DENIED.flatMap(({ pattern, why, except }) => (except.test(file.path) ? [] : find(file, pattern, `${why}:`))),
  ]);
}

function find(file: SourceFile, pattern: RegExp, what: string): Violation[] {
  return [...file.text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    message: `${what} "${match[0].trim()}"`,
  }));
}

const literal = (folder: string): RegExp =>
  new RegExp(`(?<![\\w.])${folder.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?=/|\\b)`, 'g');
