import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('a list without an end ends when its reader went away, also if that was noticed before it waits', () => {
  const script = `
    import { once } from 'node:events';
    import { endWithoutRoom, systemSinks } from ${JSON.stringify(new URL('process-streams.ts', import.meta.url).href)};
    endWithoutRoom();
    const { stdout } = systemSinks({});
    stdout.write('x'.repeat(1_000_000));
    await once(process.stdout, 'error').catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    await stdout.drained();
    process.exit(9);`;
  const piped = '{ "$0" --input-type=module --eval "$1"; echo "ended with $?" >&2; } | head -c 1';
  const { stderr } = spawnSync('sh', ['-c', piped, process.execPath, script], { encoding: 'utf8', timeout: 20_000 });
  expect(stderr).toBe('ended with 0\n');
});
