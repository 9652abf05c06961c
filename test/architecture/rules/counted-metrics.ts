// A metric of the catalogue that nothing counts reads 0 for ever, and whoever made an alert of it believes it.
import { lineAt, type SourceFile, type Violation } from '../source-tree.ts';

const CATALOGUE = /(?:^|\/)metric-catalogue\.ts$/;

/** Code that runs where metrics are served: a test that counts one proves nothing. */
const PRODUCT = /^(?:packages|services)\/.*(?<!\.test)\.ts$/;

export function countedMetrics(files: readonly SourceFile[]): Violation[] {
  const product = files.filter(({ path }) => PRODUCT.test(path) && !CATALOGUE.test(path));
  const named = new Set(product.flatMap(({ text }) => [...text.matchAll(/\.(\w+)\b/g)].map((match) => match[1])));
  return files
    .filter(({ path }) => CATALOGUE.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^ {2}(\w+): \{$/gm)]
        .filter(([, key]) => !named.has(key))
        .map((match) => ({
          path,
          line: lineAt(text, match.index),
          message: `nothing counts "${match[1]}": count it, or strike it`,
        })),
    );
}
