// `npm run clean`: stops every stack that this clone's `.postrider/` knows of, and removes the folder. Runs before
// dependencies are installed, so it imports only what needs none.

import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { repositoryRoot } from './cache-folder.ts';
import { endAllStacks } from './process-ledger.ts';

const folder = join(repositoryRoot, '.postrider');
const ended = await endAllStacks(folder);
for (const name of ended) process.stderr.write(`Stopped ${name}\n`);
rmSync(folder, { recursive: true, force: true });
process.stderr.write(`Removed ${folder}\n`);
