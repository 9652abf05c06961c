import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import type { LoggerOptions } from './logger.ts';
import { redactFields, redactText } from './redact.ts';

function capture(options: Partial<LoggerOptions> = {}) {
  const texts: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', write: (line) => void texts.push(line), ...options });
  return { logger, texts, entries: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>) };
}

describe('a JSON line', () => {
  test('has level, time, message, the fields, and those of its child and base', () => {
    const { logger, texts, entries } = capture({ base: { environment: 'test' } });
    logger.child({ service: 'dispatch' }).info({ attempt: 2 }, 'attempt settled');
    expect(texts[0]?.endsWith('\n')).toBe(true);
    expect(entries()[0]).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      environment: 'test',
      service: 'dispatch',
      attempt: 2,
      message: 'attempt settled',
    });
  });

  test('below the level is not written', () => {
    const { logger, texts } = capture({ level: 'warn' });
    logger.info({}, 'quiet');
    logger.warn({}, 'loud');
    expect(texts).toHaveLength(1);
    expect(logger.isLevelEnabled('info')).toBe(false);
    expect(logger.isLevelEnabled('error')).toBe(true);
  });

  test('tells an error with its code and its causes', () => {
    const { logger, entries } = capture();
    const cause = Object.assign(new Error('refused by postgres://u:hunter2@db/x'), { code: 'ECONNREFUSED' });
    logger.error({ error: new Error('no database', { cause }) }, 'could not start');
    expect(entries()[0]?.['error']).toMatchObject({
      message: 'no database',
      cause: { code: 'ECONNREFUSED', message: 'refused by postgres://[hidden]@db/x' },
    });
    expect(JSON.stringify(entries())).not.toContain('hunter2');
  });

  test('tells why each address of a connect failed, and ends a circle of causes', () => {
    const { logger, entries } = capture();
    const error = new AggregateError([new Error('refused on ::1')], '');
    error.cause = error;
    logger.error({ error }, 'no connection');
    expect(entries()[0]?.['error']).toMatchObject({
      errors: [{ message: 'refused on ::1' }],
      cause: { type: 'AggregateError' },
    });
  });

  test('survives fields that cannot be written as JSON', () => {
    const { logger, entries } = capture();
    const loop: Record<string, unknown> = { big: 10n };
    loop['self'] = loop;
    logger.info({ loop }, 'still here');
    expect(entries()[0]?.['message']).toBe('still here');
  });

  test('is one line whatever the text holds', () => {
    const { logger, texts } = capture();
    logger.info({ subject: 'a\nb' }, 'two\nlines');
    expect(texts.join('').trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('secrets in a line', () => {
  test('are hidden by the names of fields, at any depth, in children too', () => {
    const { logger, texts } = capture();
    logger.child({ apiKey: 'hunter2' }).info(
      {
        password: 'hunter2',
        config: { sasl: { password: 'hunter2' } },
        headers: [{ authorization: 'Bearer hunter2' }],
      },
      'm',
    );
    expect(texts.join('')).not.toContain('hunter2');
    expect(texts.join('')).toContain('[hidden]');
  });

  test.each([
    'password',
    'saslPassword',
    'secret',
    'clientSecret',
    'token',
    'Authorization',
    'set-cookie',
    'privateKey',
    'x-api-key',
    'webhook-signature',
  ])('are what a field %s holds', (name) => {
    expect(redactFields({ [name]: 'x' })).toEqual({ [name]: '[hidden]' });
  });

  test.each(['secretRef', 'tokenCount', 'endpoint', 'key', 'keyId', 'passed'])(
    'are not what a field %s holds',
    (name) => {
      const fields = { [name]: 'x' };
      expect(redactFields(fields)).toBe(fields);
    },
  );

  test('leave the fields that were given untouched', () => {
    const fields = { nested: { password: 'x' } };
    redactFields(fields);
    expect(fields.nested.password).toBe('x');
  });

  test.each([
    ['postgres://user:pw@db:5432/x', 'postgres://[hidden]@db:5432/x'],
    ['see https://a.example/x and https://u:p@b.example', 'see https://a.example/x and https://[hidden]@b.example'],
    ['mail me@example.org', 'mail me@example.org'],
    ['https://a.example/path@2', 'https://a.example/path@2'],
  ])('are cut out of the text %s', (text, clean) => {
    expect(redactText(text)).toBe(clean);
  });
});

test('a pretty line is for people', () => {
  const { logger, texts } = capture({ format: 'pretty' });
  logger.child({ service: 'dispatch' }).info({ endpoint: 'ep_1', note: 'two words', ms: 12 }, 'attempt settled');
  expect(texts[0]).toMatch(
    /^[\d:.]{12} INFO {2}\[dispatch\] attempt settled {2}endpoint=ep_1 {2}note="two words" {2}ms=12\n$/,
  );
});

test('a pretty line shows the stack of an error and of its cause', () => {
  const { logger, texts } = capture({ format: 'pretty' });
  logger.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  expect(texts[0]).toMatch(/failed\n {2}Error: outer\n[\s\S]*caused by\n {2}Error: inner/);
});

test('a log that nobody can take ends nothing', () => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL('logger.ts', import.meta.url).href)};
    import { systemHost } from ${JSON.stringify(new URL('process-host.ts', import.meta.url).href)};
    const logger = createLogger({ level: 'info', format: 'json' });
    for (let n = 0; n < 3; n++) {
      logger.info({ n }, 'a line');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    systemHost.printError('a line for a person');
    console.log('goes on');
    systemHost.exit(0);`;
  // Takes nothing, as a disk without room does.
  const unwritable = openSync(import.meta.filename, 'r');
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', unwritable],
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'goes on\n' });
});

test('all loggers of a process write to stderr by one sink: two would write into each other’s lines', () => {
  createLogger({ level: 'info', format: 'json' });
  const listeners = process.listenerCount('exit');
  createLogger({ level: 'info', format: 'json' });
  expect(process.listenerCount('exit')).toBe(listeners);
});
