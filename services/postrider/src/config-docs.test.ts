// The page of settings is what the rows say, or this test fails.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configDocs } from '@postrider/runtime';
import { expect, test } from 'vitest';
import { allRows } from './settings.ts';

const path = join(import.meta.dirname, '..', '..', '..', 'docs', 'configuration.md');
const page = (): string => `# Configuration

Defaults < file (\`--config\`, \`POSTRIDER_CONFIG\`; YAML or JSON) < environment < \`--set key=value\`. Any value can come from a file: \`<NAME>_FILE\` names
it. Unknown keys are refused. \`postrider config check\` shows what is in force and where it comes from.

${configDocs(allRows)}`;

test('docs/configuration.md says what the rows say (UPDATE_DOCS=1 writes it)', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, page());
  expect(readFileSync(path, 'utf8')).toBe(page());
});
