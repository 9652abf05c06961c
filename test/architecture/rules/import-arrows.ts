// Imports point one way: services → adapters → core. The rule also holds the three neighbours of that sentence: a driver
// has one importer, a relative import stays in its package, and a file outside every layer is not checked by luck.
import { builtinModules } from 'node:module';
import path from 'node:path';
import { driverOwner, LAYERS, type Layer, layerNamed, layerOf, packageOf, SCOPE, TEST_TOOLS } from '../layers.ts';
import { factsOf } from '../module-facts.ts';
import { isCode, isTest, type SourceFile, type Violation } from '../source-tree.ts';

const PLACES = /^(?:packages|services|infra|test)\//;

export function importArrows(files: readonly SourceFile[]): Violation[] {
  return files.filter((file) => isCode(file) && PLACES.test(file.path)).flatMap(checkFile);
}

function checkFile(file: SourceFile): Violation[] {
  const layer = layerOf(file.path);
  if (layer === undefined) {
    return [
      { path: file.path, line: 0, message: 'belongs to no layer: enter its folder in test/architecture/layers.ts' },
    ];
  }
  return factsOf(file).imports.flatMap(({ specifier, line }) => {
    const message = specifier === null ? computed(layer) : refuse(file, layer, specifier);
    return message === null ? [] : [{ path: file.path, line, message }];
  });
}

/** Tests may load what they found by listing a folder; elsewhere nobody could check the arrow. */
function computed(layer: Layer): string | null {
  return layer.name === 'test'
    ? null
    : 'imports a computed name: write it as a string, so that its arrow can be checked';
}

function refuse(file: SourceFile, layer: Layer, specifier: string): string | null {
  if (specifier.startsWith('.')) return refuseRelative(file, layer, specifier);
  if (specifier.startsWith('node:')) return refuseNode(file, layer, specifier);
  if (builtinModules.includes(specifier)) return `imports ${specifier}: write node:${specifier}`;
  if (specifier.startsWith(SCOPE)) return refuseOwn(layer, specifier);
  return refuseNpm(file, layer, packageOf(specifier));
}

function refuseRelative(file: SourceFile, layer: Layer, specifier: string): string | null {
  const target = path.posix.join(path.posix.dirname(file.path), specifier);
  const from = packageFolder(file.path);
  if (packageFolder(target) !== from)
    return `imports ${specifier}, which leaves ${from}: import the package by its name`;
  const other = layerOf(target);
  if (other === undefined || other === layer || layer.imports.includes(other.name)) return null;
  return arrow(layer, other);
}

function refuseNode(file: SourceFile, layer: Layer, specifier: string): string | null {
  if (layer.node === 'all' || isTest(file) || layer.node.includes(specifier)) return null;
  return `imports ${specifier}: ${layer.name} may use ${list(layer.node)} of node:; take the value as an argument`;
}

function refuseOwn(layer: Layer, specifier: string): string | null {
  const other = layerNamed(specifier);
  if (other === undefined) return `imports ${specifier}, which is no layer of test/architecture/layers.ts`;
  if (other === layer) return `imports itself as ${specifier}: use the relative path`;
  return layer.imports.includes(other.name) ? null : arrow(layer, other);
}

function refuseNpm(file: SourceFile, layer: Layer, name: string): string | null {
  if (layer.name === 'test' || (isTest(file) && TEST_TOOLS.includes(name))) return null;
  const owner = driverOwner(name);
  if (owner !== undefined && owner !== layer.name) {
    return `imports ${name}, a driver that only ${owner} imports: go through ${folderOf(owner)}`;
  }
  if (layer.npm === 'any' || layer.npm.includes(name)) return null;
  return `imports ${name}: ${layer.name} may use ${list(layer.npm)} from the registry`;
}

function arrow(from: Layer, to: Layer): string {
  return `imports ${to.name}: ${from.name} may import ${list(from.imports)}; declare the port here and let the service wire it`;
}

const list = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '));

const folderOf = (name: string): string => LAYERS.find((layer) => layer.name === name)?.folder ?? name;

/** `packages/kafka` of `packages/kafka/src/a.ts`; test/ is one package. */
function packageFolder(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'test' ? 'test' : parts.slice(0, 2).join('/');
}
