// Given to Node with `--import`: makes source edits at the moment a file is loaded, and is what a crash point calls. An edit
// that does not find its place ends the process, so that a fault is never silently not there.

import { writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { armVariable, readArmed } from './crash-arming.ts';
import { applySourceEdit, editsVariable, type SourceEdit } from './source-edits.ts';

type LocatedEdit = SourceEdit & { readonly url: string };

const edits = JSON.parse(process.env[editsVariable] ?? '[]') as readonly LocatedEdit[];
const armed = readArmed(process.env[armVariable]);
const passes = new Map<string, number>();

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = edits.filter((edit) => edit.url === url);
    if (mine.length === 0) return loaded;
    const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: mine.reduce(applySourceEdit, text) };
  },
});

Object.assign(globalThis, {
  crashPoint(name: string): void {
    const pass = (passes.get(name) ?? 0) + 1;
    passes.set(name, pass);
    for (const { point, onPass, signal } of armed) {
      if (point !== name || pass !== onPass) continue;
      // Whoever waits for it reads it; a stopped process could not say it any more.
      writeSync(2, `crash point ${name}: ${signal} on pass ${pass}\n`);
      process.kill(process.pid, signal);
    }
  },
});
