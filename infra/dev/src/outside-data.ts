// Data of a stack that cannot lie in the stack's folder, because the account of its server cannot go there. A link in
// the stack's folder leads to it, for people and for whoever removes the stack.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { reachableFolder } from './postgres-account.ts';

/** Only what looks like ours is ever removed outside the clone. */
const OURS = /\/postrider-\d+\/data-[0-9a-f]{12}$/;

/** `<stackFolder>/<name>`, or the place that a link of that name leads to when not everybody can go there. */
export function reachableData(stackFolder: string, name: string): string {
  const inside = join(stackFolder, name);
  const digest = createHash('sha256').update(inside).digest('hex').slice(0, 12);
  // The way there is asked for: the data itself is closed to everybody else once its server has made it.
  const place = reachableFolder(stackFolder, `data-${digest}`);
  if (place === stackFolder) return inside;
  mkdirSync(stackFolder, { recursive: true });
  rmSync(inside, { force: true });
  symlinkSync(place, inside);
  return place;
}

/** Removes what the links in a stack's folder lead to. */
export function removeOutsideData(stackFolder: string): void {
  for (const target of linksIn(stackFolder)) {
    if (OURS.test(target)) rmSync(target, { recursive: true, force: true });
  }
}

function linksIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isSymbolicLink())
      .map((entry) => readlinkSync(join(folder, entry.name)));
  } catch {
    return [];
  }
}
