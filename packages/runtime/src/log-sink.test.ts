import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openLogSink } from './log-sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'log-sink-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('lines are written whole and in order, a burst of them too', async () => {
  const path = join(folder, 'log');
  const descriptor = openSync(path, 'w');
  const sink = openLogSink(descriptor);
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n} é\n`);
  for (const line of lines.slice(0, 10_000)) sink.write(line);
  await sink.flush();
  for (const line of lines.slice(10_000)) sink.write(line);
  await sink.flush();
  closeSync(descriptor);
  expect(readFileSync(path, 'utf8') === lines.join('')).toBe(true);
});

/** A process that logs a megabyte, does something, exits, and is read slowly or not to its end. */
function burst(read: 'slowly' | 'not', meanwhile = ''): Promise<{ code: number | null; lines: number }> {
  const script = `
    import { openLogSink } from ${JSON.stringify(new URL('log-sink.ts', import.meta.url).href)};
    process.stderr.write('begins\\n');
    const sink = openLogSink(2);
    for (let n = 0; n < 10_000; n++) sink.write('x'.repeat(100) + '\\n');
    ${meanwhile}
    process.exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.once('data', (first: Buffer) => {
    text += first.toString();
    if (read === 'not') return child.stderr.destroy();
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  });
  return new Promise((resolve) =>
    child.once('close', (code) =>
      resolve({ code, lines: text.split('\n').filter((line) => line.startsWith('x')).length }),
    ),
  );
}

test('an exit loses no line that its reader takes', async () => {
  expect(await burst('slowly')).toEqual({ code: 3, lines: 10_000 });
});

test('an exit while lines are written loses none of them', async () => {
  const turns = 'for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));';
  expect(await burst('slowly', turns)).toEqual({ code: 3, lines: 10_000 });
});

test('a reader that keeps up gets lines as fast as it reads them', async () => {
  const script = `
    import { openLogSink } from ${JSON.stringify(new URL('log-sink.ts', import.meta.url).href)};
    process.stderr.write('begins\\n');
    const sink = openLogSink(2);
    for (let n = 0; n < 80_000; n++) sink.write('x'.repeat(99) + '\\n');
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  let bytes = 0;
  let beganMs = 0;
  for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
    beganMs ||= performance.now();
    if ((bytes += chunk.length) >= 8_000_000) break;
  }
  const tookMs = performance.now() - beganMs;
  child.stdin.end();
  await closed;
  // A hundredth of that is enough; with a rest after each full pipe it is five seconds.
  expect(tookMs).toBeLessThan(2_500);
});

test('an exit does not wait for a reader that has gone', async () => {
  expect(await burst('not')).toMatchObject({ code: 3 });
});
