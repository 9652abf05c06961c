import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { askAt } from './cli-io.ts';

/** A person at a terminal who presses `keys`. */
async function asked(keys: string): Promise<string> {
  const input = new PassThrough();
  const answer = askAt({ input, output: new PassThrough(), terminal: true }, 'Send again? [y/N] ');
  input.write(keys);
  return answer;
}

test('a question takes the line that is typed', async () => {
  expect(await asked('yes\r')).toBe('yes');
});

test('Ctrl-C at a question is an interruption, as anywhere', async () => {
  await expect(asked('\u0003')).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
});

test('Ctrl-D at a question is no answer', async () => {
  expect(await asked('\u0004')).toBe('');
});
