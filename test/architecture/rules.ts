// The house rules by name. The name is also the folder of the rule's bad fixture: a rule without one does not run.
import { bannedCalls } from './rules/banned-calls.ts';
import { countedMetrics } from './rules/counted-metrics.ts';
import { deniedText } from './rules/denied-text.ts';
import { namedCommands, readingPath } from './rules/documents.ts';
import { fileNames } from './rules/file-names.ts';
import { importArrows } from './rules/import-arrows.ts';
import { declaredDependencies, exactVersions } from './rules/manifests.ts';
import { fileLength, noBarrels, openingComments, skippedTests } from './rules/module-shape.ts';
import type { SourceFile, Violation } from './source-tree.ts';

export type Rule = (files: readonly SourceFile[]) => Violation[];

export const RULES: Readonly<Record<string, Rule>> = {
  'import-arrows': importArrows,
  'no-barrels': noBarrels,
  'file-names': fileNames,
  'file-length': (files) => fileLength(files),
  'opening-comments': openingComments,
  'banned-calls': bannedCalls,
  'skipped-tests': skippedTests,
  'counted-metrics': countedMetrics,
  'declared-dependencies': declaredDependencies,
  'exact-versions': exactVersions,
  'named-commands': namedCommands,
  'reading-path': readingPath,
  'denied-text': (files) => deniedText(files),
};
