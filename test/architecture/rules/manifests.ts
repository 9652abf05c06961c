// package.json tells the truth: what a package imports it declares, every version stands once in the catalog, exactly.
// (knip finds the other half: what is declared and not imported.)
import { parse } from 'yaml';
import { packageOf, TEST_TOOLS } from '../layers.ts';
import { factsOf } from '../module-facts.ts';
import { isCode, isTest, lineAt, type SourceFile, type Violation } from '../source-tree.ts';

interface Manifest {
  readonly name?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** 1.2.3, 1.2.3-beta.4, and the same behind `npm:other-name@`. */
const EXACT = /^(?:npm:(?:@[^@/]+\/)?[^@/]+@)?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;

/** Every import of a package is in its own manifest; tests may also use what the root brings for all. */
export function declaredDependencies(files: readonly SourceFile[]): Violation[] {
  const manifests = files
    .filter((file) => /(?:^|\/)package\.json$/.test(file.path))
    .map((file) => ({
      folder: file.path.slice(0, -'package.json'.length),
      manifest: JSON.parse(file.text) as Manifest,
    }))
    .toSorted((a, b) => b.folder.length - a.folder.length);
  const root = manifests.find(({ folder }) => folder === '')?.manifest ?? {};

  return files.filter(isCode).flatMap((file) => {
    const owner = manifests.find(({ folder }) => file.path.startsWith(folder));
    if (owner === undefined) return [];
    const { manifest, folder } = owner;
    const known = new Set(Object.keys(manifest.dependencies ?? {}));
    if (isTest(file) || folder === '') for (const name of Object.keys(manifest.devDependencies ?? {})) known.add(name);
    if (isTest(file)) for (const name of Object.keys(root.devDependencies ?? {})) known.add(name);
    return factsOf(file).imports.flatMap(({ specifier, line }) => {
      if (specifier === null || specifier.startsWith('.') || specifier.startsWith('node:')) return [];
      const name = packageOf(specifier);
      if (known.has(name) || name === manifest.name) return [];
      const place = isTest(file) && TEST_TOOLS.includes(name) ? 'package.json of the root' : `${folder}package.json`;
      return [{ path: file.path, line, message: `imports ${name}, which ${place} does not name` }];
    });
  });
}

/** The catalog is exact, and manifests refer to it. */
export function exactVersions(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) => {
    if (file.path === 'pnpm-workspace.yaml') return inexactCatalog(file);
    if (/(?:^|\/)package\.json$/.test(file.path)) return versionsOutsideCatalog(file);
    return [];
  });
}

function inexactCatalog(file: SourceFile): Violation[] {
  const workspace = parse(file.text) as {
    catalog?: Record<string, string>;
    catalogs?: Record<string, Record<string, string>>;
  };
  return [workspace.catalog ?? {}, ...Object.values(workspace.catalogs ?? {})]
    .flatMap((catalog) => Object.entries(catalog))
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => ({
      path: file.path,
      line: lineOf(file.text, `${name}: `, `'${name}': `),
      message: `${name} is pinned to "${version}": write the exact version`,
    }));
}

function versionsOutsideCatalog(file: SourceFile): Violation[] {
  const manifest = JSON.parse(file.text) as Manifest;
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([, version]) => version !== 'catalog:' && version !== 'workspace:*')
    .map(([name, version]) => ({
      path: file.path,
      line: lineOf(file.text, `"${name}": "${version}"`),
      message: `${name} is "${version}": write "catalog:" and the version into pnpm-workspace.yaml`,
    }));
}

function lineOf(text: string, ...candidates: readonly string[]): number {
  const offset = candidates.map((candidate) => text.indexOf(candidate)).find((found) => found >= 0);
  return offset === undefined ? 0 : lineAt(text, offset);
}
