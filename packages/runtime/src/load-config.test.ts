import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { commonChecks, commonRows } from './common-rows.ts';
import { configDocs, describeConfig, formatProblems } from './config-docs.ts';
import { defineRows } from './config-rows.ts';
import { durationMs } from './config-values.ts';
import { loadConfig } from './load-config.ts';
import type { ConfigSources } from './load-config.ts';

const rows = defineRows({
  'dispatch.windowRecords': {
    schema: z.number().int().min(1).max(100_000),
    default: 2_000,
    doc: 'Window.',
    unit: 'records',
  },
  'dispatch.enabled': { schema: z.boolean(), default: true, doc: 'On.' },
  'dispatch.topics': { schema: z.array(z.string()).min(1), default: ['events'], doc: 'Topics.' },
  'dispatch.waitMs': { schema: durationMs({ minMs: 1 }), default: '5s', doc: 'Wait.' },
  'kafka.clientId': { schema: z.string(), default: 'postrider', doc: 'Name.' },
  'postgres.url': { schema: z.string().startsWith('postgres://').optional(), doc: 'Database.', secret: true },
});
const otherRows = defineRows({ 'retry.batchRecords': { schema: z.number(), default: 1, doc: 'Batch.' } });

function load(sources: Partial<ConfigSources<typeof rows>>, files: Readonly<Record<string, string>> = {}) {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  return loadConfig(rows, { env: {}, readFile, knownRows: otherRows, ...sources });
}

function configOf(result: ReturnType<typeof load>) {
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.config;
}

function problemsOf(result: ReturnType<typeof load>): string {
  if (result.ok) throw new Error('expected problems');
  return formatProblems(result.problems);
}

describe('precedence', () => {
  const file = 'dispatch: { windowRecords: 1 }';
  const env = { POSTRIDER_DISPATCH_WINDOW_RECORDS: '2' };

  test('defaults hold where nothing is given', () => {
    const result = load({});
    expect(configOf(result)).toEqual({
      'dispatch.windowRecords': 2_000,
      'dispatch.enabled': true,
      'dispatch.topics': ['events'],
      'dispatch.waitMs': 5_000,
      'kafka.clientId': 'postrider',
      'postgres.url': undefined,
    });
    expect(result.ok && result.origins['dispatch.windowRecords']).toBe('default');
  });

  test('the file is over the defaults', () => {
    const result = load({ path: 'c.yaml' }, { 'c.yaml': file });
    expect(configOf(result)['dispatch.windowRecords']).toBe(1);
    expect(result.ok && result.origins['dispatch.windowRecords']).toBe('file');
  });

  test('the environment is over the file', () => {
    expect(configOf(load({ path: 'c.yaml', env }, { 'c.yaml': file }))['dispatch.windowRecords']).toBe(2);
  });

  test('flags are over the environment', () => {
    const result = load({ path: 'c.yaml', env, flags: ['dispatch.windowRecords=3'] }, { 'c.yaml': file });
    expect(configOf(result)['dispatch.windowRecords']).toBe(3);
    expect(result.ok && result.origins['dispatch.windowRecords']).toBe('flag');
  });

  test('POSTRIDER_CONFIG names the file, an explicit path is over it', () => {
    const files = { 'a.yaml': 'dispatch.windowRecords: 10', 'b.yaml': 'dispatch.windowRecords: 20' };
    const env = { POSTRIDER_CONFIG: 'a.yaml' };
    expect(configOf(load({ env }, files))['dispatch.windowRecords']).toBe(10);
    expect(configOf(load({ env, path: 'b.yaml' }, files))['dispatch.windowRecords']).toBe(20);
  });
});

describe('text from environment and flags', () => {
  test('is read by the type of its row', () => {
    const config = configOf(
      load({
        env: {
          POSTRIDER_DISPATCH_WINDOW_RECORDS: ' 7 ',
          POSTRIDER_DISPATCH_ENABLED: 'No',
          POSTRIDER_DISPATCH_TOPICS: 'a, b,,c',
          POSTRIDER_DISPATCH_WAIT_MS: '1m30s',
          POSTRIDER_KAFKA_CLIENT_ID: '42',
        },
      }),
    );
    expect(config).toMatchObject({
      'dispatch.windowRecords': 7,
      'dispatch.enabled': false,
      'dispatch.topics': ['a', 'b', 'c'],
      'dispatch.waitMs': 90_000,
      'kafka.clientId': '42',
    });
  });

  test.each([
    ['POSTRIDER_DISPATCH_WINDOW_RECORDS', 'many', 'expected number'],
    ['POSTRIDER_DISPATCH_WINDOW_RECORDS', '1.5', 'expected int'],
    ['POSTRIDER_DISPATCH_WINDOW_RECORDS', '0', '>=1'],
    ['POSTRIDER_DISPATCH_ENABLED', 'maybe', 'expected boolean'],
    ['POSTRIDER_DISPATCH_WAIT_MS', '5 parsecs', 'expected a duration'],
    ['POSTRIDER_DISPATCH_WAIT_MS', '0', 'expected at least 1ms'],
    ['POSTRIDER_DISPATCH_TOPICS', ',', '>=1 items'],
  ])('refuses %s=%s, naming it and what was expected', (name, value, expected) => {
    const problems = problemsOf(load({ env: { [name]: value } }));
    expect(problems).toContain('(environment)');
    expect(problems).toContain(expected);
  });

  test('an empty variable counts as not set', () => {
    expect(configOf(load({ env: { POSTRIDER_DISPATCH_WINDOW_RECORDS: '' } }))['dispatch.windowRecords']).toBe(2_000);
  });

  test('the value after the first = belongs to a flag whole', () => {
    expect(configOf(load({ flags: ['kafka.clientId=a=b'] }))['kafka.clientId']).toBe('a=b');
  });

  test('a flag without = is refused', () => {
    expect(problemsOf(load({ flags: ['kafka.clientId'] }))).toContain('key=value');
  });
});

describe('the file', () => {
  test('may be JSON, with keys nested or dotted', () => {
    const files = { 'c.json': '{"dispatch":{"windowRecords":5,"waitMs":"2h"},"kafka.clientId":"x"}' };
    expect(configOf(load({ path: 'c.json' }, files))).toMatchObject({
      'dispatch.windowRecords': 5,
      'dispatch.waitMs': 7_200_000,
      'kafka.clientId': 'x',
    });
  });

  test('may give a list as one text', () => {
    const config = configOf(load({ path: 'c.yaml' }, { 'c.yaml': 'dispatch.topics: a,b' }));
    expect(config['dispatch.topics']).toEqual(['a', 'b']);
  });

  test('does not take text for a number: it has types', () => {
    const problems = problemsOf(load({ path: 'c.yaml' }, { 'c.yaml': 'dispatch.windowRecords: "5"' }));
    expect(problems).toContain('dispatch.windowRecords (file c.yaml)');
  });

  test('that is empty gives nothing', () => {
    expect(configOf(load({ path: 'c.yaml' }, { 'c.yaml': '# nothing yet\n' }))['dispatch.windowRecords']).toBe(2_000);
  });

  test('that does not exist is a problem', () => {
    expect(problemsOf(load({ path: 'gone.yaml' }))).toContain('gone.yaml (ENOENT)');
  });

  test('that cannot be parsed is a problem with its line, without quoting it', () => {
    const problems = problemsOf(load({ path: 'c.yaml' }, { 'c.yaml': 'postgres:\n  url: "hunter2\n' }));
    expect(problems).toMatch(/line \d/);
    expect(problems).not.toContain('hunter2');
  });

  test('that holds no mapping is a problem', () => {
    expect(problemsOf(load({ path: 'c.yaml' }, { 'c.yaml': '- a\n' }))).toContain('mapping');
  });

  test('may not give one key twice, nested and dotted', () => {
    const text = 'dispatch: { windowRecords: 1 }\ndispatch.windowRecords: 2';
    expect(problemsOf(load({ path: 'c.yaml' }, { 'c.yaml': text }))).toContain('given twice');
  });

  test('may not name a key without a value', () => {
    expect(problemsOf(load({ path: 'c.yaml' }, { 'c.yaml': 'kafka:\n  clientId:\n' }))).toContain('has no value');
  });

  test('whose aliases would expand without end is refused', () => {
    const levels = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (let level = 0; level < 9; level++) {
      const [from, to] = [String.fromCodePoint(97 + level), String.fromCodePoint(98 + level)];
      levels.push(`${to}: &${to} [${Array.from({ length: 10 }, () => `*${from}`).join(',')}]`);
    }
    expect(problemsOf(load({ path: 'c.yaml' }, { 'c.yaml': levels.join('\n') }))).toContain('aliases');
  });
});

describe('unknown keys', () => {
  test('are refused in file, environment and flags alike, with what was probably meant', () => {
    const problems = problemsOf(
      load(
        { path: 'c.yaml', env: { POSTRIDER_DISPATCH_WINDOW_RECORD: '1' }, flags: ['dispatch.windowRecrds=1'] },
        { 'c.yaml': 'dispatch: { windowrecords: 1 }\nnonsense: {}\n' },
      ),
    );
    expect(problems).toContain('did you mean POSTRIDER_DISPATCH_WINDOW_RECORDS?');
    expect(problems.match(/did you mean dispatch\.windowRecords\?/g)).toHaveLength(2);
    expect(problems).toContain('nonsense (file c.yaml): is not a known setting');
  });

  test('names like __proto__ and constructor are unknown keys, nothing else', () => {
    const problems = problemsOf(
      load({ path: 'c.json', flags: ['constructor=1'] }, { 'c.json': '{"__proto__":{"a":1},"toString":2}' }),
    );
    expect(problems).toContain('constructor (flag --set): is not a known setting');
    expect(problems).toContain('__proto__.a');
    expect(problems).toContain('toString');
  });

  test('keys of other services are accepted and not read', () => {
    const config = configOf(load({ env: { POSTRIDER_RETRY_BATCH_RECORDS: '5' } }));
    expect(config).not.toHaveProperty('retry.batchRecords');
  });

  test('names of the launcher are ignored when they are listed', () => {
    const env = { POSTRIDER_CACHE_DIR: '/x' };
    expect(problemsOf(load({ env }))).toContain('POSTRIDER_CACHE_DIR');
    expect(load({ env, ignoredEnv: ['POSTRIDER_CACHE_DIR'] }).ok).toBe(true);
  });

  test('variables of other programs are none of our business', () => {
    expect(load({ env: { PATH: '/bin', POSTRIDERX: '1' } }).ok).toBe(true);
  });
});

describe('secrets', () => {
  const files = { '/run/secrets/url': 'postgres://u:hunter2@db/x\n', '/bad': 'hunter2' };

  test('come from the file that the _FILE variable names, without its last newline', () => {
    const config = configOf(load({ env: { POSTRIDER_POSTGRES_URL_FILE: '/run/secrets/url' } }, files));
    expect(config['postgres.url']).toBe('postgres://u:hunter2@db/x');
  });

  test('come from a file named in the configuration file', () => {
    const text = 'postgres: { url: { file: /run/secrets/url } }';
    const config = configOf(load({ path: 'c.yaml' }, { ...files, 'c.yaml': text }));
    expect(config['postgres.url']).toContain('hunter2');
  });

  test('are refused as a flag, but their file is not', () => {
    const problems = problemsOf(load({ flags: ['postgres.url=postgres://u:hunter2@db/x'] }));
    expect(problems).toContain('POSTRIDER_POSTGRES_URL_FILE');
    expect(problems).not.toContain('hunter2');
    expect(configOf(load({ flags: ['postgres.url.file=/run/secrets/url'] }, files))['postgres.url']).toContain(
      'hunter2',
    );
  });

  test('may not be given both ways', () => {
    const env = { POSTRIDER_POSTGRES_URL: 'postgres://a', POSTRIDER_POSTGRES_URL_FILE: '/run/secrets/url' };
    expect(problemsOf(load({ env }, files))).toContain('given twice');
  });

  test('that cannot be read are named by their path', () => {
    expect(problemsOf(load({ env: { POSTRIDER_POSTGRES_URL_FILE: '/none' } }))).toContain('/none (ENOENT)');
  });

  test('are never shown: not in a problem, not in the description', () => {
    expect(problemsOf(load({ env: { POSTRIDER_POSTGRES_URL_FILE: '/bad' } }, files))).not.toContain('hunter2');
    const result = load({ env: { POSTRIDER_POSTGRES_URL_FILE: '/run/secrets/url' } }, files);
    const described = describeConfig(rows, configOf(result), result.ok ? result.origins : {});
    expect(JSON.stringify(described)).not.toContain('hunter2');
    expect(described).toContainEqual({ key: 'postgres.url', value: '[hidden]', origin: 'environment' });
  });
});

test('a setting without default must be given', () => {
  const required = defineRows({ 'a.name': { schema: z.string(), doc: 'd' } });
  const result = loadConfig(required, { env: {} });
  expect(result.ok).toBe(false);
  expect(!result.ok && formatProblems(result.problems)).toContain('POSTRIDER_A_NAME');
});

test('all problems are named at once', () => {
  const result = load({
    env: { POSTRIDER_DISPATCH_ENABLED: 'x', POSTRIDER_DISPATCH_WAIT_MS: 'y', POSTRIDER_NONSENSE: 'z' },
  });
  expect(!result.ok && result.problems).toHaveLength(3);
});

test('the table of settings has a line for each row', () => {
  const lines = configDocs(rows).trim().split('\n');
  expect(lines).toHaveLength(2 + Object.keys(rows).length);
  expect(lines).toContain(
    '| `dispatch.windowRecords` | `POSTRIDER_DISPATCH_WINDOW_RECORDS` | `2000` | Window. Unit: records. |',
  );
  expect(lines).toContain('| `postgres.url` | `POSTRIDER_POSTGRES_URL` | not set | Database. Secret. |');
});

describe('the common rows', () => {
  const loadCommon = (env: Readonly<Record<string, string>>) => loadConfig(commonRows, { env, checks: [commonChecks] });

  test('hold by default', () => {
    const result = loadCommon({});
    expect(result.ok && result.config['retry.tiers'].map((tier) => tier.name)).toEqual([
      '5s',
      '10s',
      '20s',
      '1m',
      '5m',
      '30m',
      '2h',
      '6h',
    ]);
    expect(result.ok && result.config.drainTimeoutMs).toBe(30_000);
  });

  test('name a tier canonically, so that one delay has one topic', () => {
    const result = loadCommon({ POSTRIDER_RETRY_TIERS: '500ms,60s,90s' });
    expect(result.ok && result.config['retry.tiers']).toEqual([
      { name: '500ms', delayMs: 500 },
      { name: '1m', delayMs: 60_000 },
      { name: '1m30s', delayMs: 90_000 },
    ]);
  });

  test.each([
    [{ POSTRIDER_RETRY_TIERS: '10s,5s' }, 'rising order'],
    [{ POSTRIDER_RETRY_TIERS: '5s,5s' }, 'rising order'],
    [{ POSTRIDER_RETRY_TIERS: '0s,5s' }, 'at least 1ms'],
    [{ POSTRIDER_ENVIRONMENT: 'Live' }, 'lower-case word'],
    [{ POSTRIDER_KAFKA_BROKERS: 'localhost' }, 'host:port'],
    [{ POSTRIDER_KAFKA_TLS_ENABLED: 'true', POSTRIDER_KAFKA_TLS_CA: '/etc/ca.pem' }, 'PEM text'],
    [{ POSTRIDER_KAFKA_SASL_MECHANISM: 'plain' }, 'needed for SASL'],
    [{ POSTRIDER_TOPICS_REPLICATION_FACTOR: '1' }, 'is over topics.replicationFactor'],
    [{ POSTRIDER_POSTGRES_URL: 'mysql://x' }, 'the value is a secret'],
  ])('refuse %j', (env, expected) => {
    const result = loadCommon(env);
    expect(!result.ok && formatProblems(result.problems)).toContain(expected);
  });
});
