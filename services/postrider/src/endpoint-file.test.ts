import { createSecretSource, systemClock } from '@postrider/runtime';
import { describe, expect, it } from 'vitest';
import { strictGuard } from './strict-guard.ts';
import { readEndpointFile } from './endpoint-file.ts';
import { problemText } from './file-problem.ts';
import { readYaml } from './read-yaml.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** A file with one endpoint, some of its keys changed or (undefined) left out. */
function oneEndpoint(changes: Record<string, unknown> = {}): unknown {
  const endpoint = {
    id: 'shop-eu',
    project: 'shop',
    url: 'https://hooks.shop.com/in',
    eventTypes: ['order.*'],
    profile: 'plain',
    ...changes,
  };
  return {
    environment: 'test',
    endpoints: [Object.fromEntries(Object.entries(endpoint).filter(([, value]) => value !== undefined))],
  };
}

function read(file: unknown, env: Record<string, string> = { HOOK_SECRET: secret }) {
  const readFile = (name: string): string => {
    throw Object.assign(new Error(name), { code: 'ENOENT' });
  };
  return readEndpointFile(file, {
    environment: 'test',
    readFile,
    guard: strictGuard,
    secrets: createSecretSource({ env, clock: systemClock }),
  });
}

function theEndpoint(file: unknown) {
  const result = read(file);
  if (!result.ok) throw new Error(result.problems.map(problemText).join('\n'));
  return result.endpoints[0];
}

function problemsOf(file: unknown): string[] {
  const result = read(file);
  return result.ok ? [] : result.problems.map(problemText);
}

describe('an endpoints file', () => {
  it('takes what it leaves out from the profile', () => {
    expect(theEndpoint(oneEndpoint())).toMatchObject({
      endpointId: 'shop-eu',
      managedBy: 'file',
      environment: 'test',
      status: { kind: 'enabled' },
      method: 'POST',
      timeoutMs: 20_000,
      maxAgeMs: 7 * 24 * 3_600_000,
      retry: { kind: 'named', name: 'standard' },
      successStatus: [[200, 299]],
      concurrency: 16,
      secrets: [],
    });
  });

  it('is read in its short forms', () => {
    const endpoint = theEndpoint(
      oneEndpoint({
        eventTypes: 'order.paid',
        profile: { name: 'standard-webhooks', payload: 'envelope' },
        retry: ['5s', '1m'],
        timeout: '5s',
        maxAge: '2d',
        status: { kind: 'paused', reason: 'moving' },
        successStatus: ['200-299', 304],
        secrets: [{ id: 'k1', purpose: 'signing', ref: 'env:HOOK_SECRET', notBefore: '2026-01-01T00:00:00Z' }],
      }),
    );
    expect(endpoint).toMatchObject({
      eventTypes: ['order.paid'],
      profile: 'standard-webhooks',
      profileOptions: { payload: 'envelope' },
      retry: { kind: 'delays', delaysMs: [5_000, 60_000] },
      timeoutMs: 5_000,
      maxAgeMs: 48 * 3_600_000,
      status: { kind: 'paused', reason: 'moving' },
      successStatus: [
        [200, 299],
        [304, 304],
      ],
      secrets: [{ id: 'k1', purpose: 'signing', ref: 'env:HOOK_SECRET', notBeforeMs: Date.UTC(2026, 0, 1) }],
    });
  });

  it.each([
    ['advance', { kind: 'named', name: 'advance' }],
    [[], { kind: 'delays', delaysMs: [] }],
    [
      { delays: ['1s'], spread: 0.5 },
      { kind: 'delays', delaysMs: [1_000], spread: 0.5 },
    ],
    [
      { base: '1s', factor: 3, cap: '1h', count: 4 },
      { kind: 'exponential', baseMs: 1_000, factor: 3, capMs: 3_600_000, count: 4 },
    ],
  ])('reads the retry policy %j', (retry, expected) => {
    expect(theEndpoint(oneEndpoint({ retry }))?.retry).toEqual(expected);
  });

  it('lets an endpoint override the defaults block, and merges headers only', () => {
    const result = read({
      environment: 'test',
      defaults: {
        project: 'shop',
        profile: 'plain',
        timeout: '3s',
        eventTypes: ['a'],
        headers: { 'X-One': '1', 'X-Two': '2' },
      },
      endpoints: [
        { id: 'a', url: 'https://a.com/' },
        { id: 'b', url: 'https://b.com/', timeout: '4s', eventTypes: ['b'], headers: { 'X-Two': 'b' } },
      ],
    });
    expect(result.ok && result.endpoints).toMatchObject([
      { timeoutMs: 3_000, eventTypes: ['a'], headers: { 'X-One': '1', 'X-Two': '2' } },
      { timeoutMs: 4_000, eventTypes: ['b'], headers: { 'X-One': '1', 'X-Two': 'b' } },
    ]);
  });

  it.each([
    ['a missing key', { url: undefined }, 'endpoints[0].url: is missing'],
    ['a misspelt key', { timout: '5s' }, 'endpoints[0].timout: is not known; did you mean timeout?'],
    ['plain http', { url: 'http://a.com/' }, 'endpoints[0].url: must begin with https://'],
    [
      'a misspelt profile',
      { profile: 'standard-webhook' },
      'endpoints[0].profile: is not known; did you mean standard-webhooks?',
    ],
    [
      'an unknown option of the profile',
      { profile: { name: 'plain', payload: 'data' } },
      'option "payload" is not known',
    ],
    ['a duration without unit', { timeout: 20 }, 'endpoints[0].timeout: is not a duration'],
    ['a time-out beyond the limit', { timeout: '10m' }, 'endpoints[0].timeout: '],
    ['a wrong delay', { retry: ['5s', 'x'] }, 'endpoints[0].retry[1]: is not a duration'],
    ['an incomplete policy', { retry: { base: '1s', cap: '1m' } }, 'endpoints[0].retry.count: is missing'],
    ['a wrong status', { status: 'off' }, 'endpoints[0].status: is one of enabled, paused, disabled'],
    ['a wrong success status', { successStatus: ['2xx'] }, 'endpoints[0].successStatus[0]: is a status'],
    ['a header of ours', { headers: { 'Content-Type': 'text/plain' } }, 'endpoints[0].headers: header "Content-Type"'],
    ['a header that is no text', { headers: { 'X-A': 1 } }, 'endpoints[0].headers.X-A: '],
    [
      'auth without its secret',
      { auth: { header: 'X-Key' } },
      'endpoints[0].auth: needs a secret with the purpose "auth"',
    ],
    [
      'a secret in clear',
      { secrets: [{ id: 'a', purpose: 'auth', ref: 'hunter2' }] },
      'endpoints[0].secrets[0].ref: must be env:NAME or file:PATH',
    ],
    [
      'a relative secret file',
      { secrets: [{ id: 'a', purpose: 'auth', ref: 'file:key' }] },
      'must name an absolute path',
    ],
    ['a missing certificate', { tls: { caFile: 'ca.pem' } }, 'endpoints[0].tls.caFile: cannot be read (ENOENT)'],
    [
      'a broken certificate',
      { tls: { ca: '-----BEGIN CERTIFICATE-----\nx' } },
      'endpoints[0].tls.ca: is no certificate',
    ],
    [
      'signing without a key',
      { profile: 'standard-webhooks' },
      'endpoints[0].secrets: a secret with the purpose "signing" is needed',
    ],
  ])('refuses %s', (_what, changes, message) => {
    expect(problemsOf(oneEndpoint(changes)).join('\n')).toContain(message);
  });

  it('names all problems of all endpoints at once and never quotes a secret', () => {
    const file = {
      environment: 'test',
      endpoints: [
        {
          id: 'a',
          project: 'p',
          url: 'ftp://x',
          eventTypes: [],
          profile: 'plain',
          secrets: [{ id: 'k', purpose: 'auth', ref: 'hunter2' }],
        },
        { id: 'a', project: 'p', url: 'https://b.com/', eventTypes: ['b'], profile: 'plain', retry: 'fast' },
      ],
    };
    const problems = problemsOf(file);
    expect(problems).toEqual([
      expect.stringContaining('endpoints[0].url'),
      expect.stringContaining('endpoints[0].eventTypes'),
      expect.stringContaining('endpoints[0].secrets[0].ref'),
      'endpoints[1].id: "a" is that of endpoints[0] too',
      expect.stringContaining('endpoints[1].retry: is no retry policy'),
    ]);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('warns of a secret that cannot be had here, and still checks its purpose', () => {
    const result = read(
      oneEndpoint({ profile: 'standard-webhooks', secrets: [{ id: 'k', purpose: 'signing', ref: 'env:ELSEWHERE' }] }),
    );
    expect(result.ok && result.warnings).toMatchObject([
      { path: 'endpoints[0].secrets[0].ref', message: expect.stringContaining('not set') as string },
    ]);
  });

  it('refuses a secret that its profile cannot use, without quoting it', () => {
    const file = oneEndpoint({
      profile: 'standard-webhooks',
      secrets: [{ id: 'k', purpose: 'signing', ref: 'env:HOOK_SECRET' }],
    });
    const result = read(file, { HOOK_SECRET: 'whsec_c2hvcnQ=' });
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('c2hvcnQ');
  });

  it('is refused for another environment', () => {
    expect(read({ environment: 'live', endpoints: [] })).toMatchObject({ ok: false, wrongEnvironment: true });
  });

  it.each([
    [[]],
    [null],
    ['text'],
    [{}],
    [{ environment: 'test', endpoints: {} }],
    [{ environment: 'test', endpoints: ['x'] }],
  ])('%j is none', (file) => {
    expect(problemsOf(file)).not.toEqual([]);
  });
});

describe('the text of a file', () => {
  const text = 'environment: test\nendpoints:\n  - id: a\n    url:\n      https://a.com/\n    retry: [5s,\n      x]\n';

  it('tells the line of a key, of an item, and of the parent of what is missing', () => {
    const reading = readYaml(text);
    if (!reading.ok) throw new Error('not read');
    expect(reading.lineOf(['endpoints', 0, 'url'])).toBe(4);
    expect(reading.lineOf(['endpoints', 0, 'retry', 1])).toBe(7);
    expect(reading.lineOf(['endpoints', 0, 'project'])).toBe(3);
    expect(reading.lineOf([])).toBe(1);
  });

  it('may be JSON', () => {
    const reading = readYaml('{\n"environment": "test",\n"endpoints": []}');
    expect(reading).toMatchObject({ ok: true, value: { environment: 'test', endpoints: [] } });
  });

  it.each([
    ['a: 1\na: 2\n', 2],
    ['a: [1\nb: 2', 2],
    ['ok: 1\n\tx: 2', 2],
  ])('%j is not valid, and the line is said', (broken, line) => {
    expect(readYaml(broken)).toMatchObject({ ok: false, problems: [{ line }] });
  });
});

describe('a circuit breaker in the file', () => {
  it.each<[unknown, unknown]>([
    [undefined, undefined],
    ['on', undefined],
    ['off', { kind: 'off' }],
    [false, { kind: 'off' }],
    [
      { failures: 20, open: '10s', openMax: '2m', failureShare: 0.9, probes: 2 },
      { kind: 'on', failures: 20, openMs: 10_000, openMsMax: 120_000, failureShare: 0.9, probes: 2 },
    ],
  ])('%o is read', (breaker, expected) => {
    expect(theEndpoint(oneEndpoint({ breaker }))?.breaker).toEqual(expected);
  });

  it.each<[unknown, RegExp]>([
    ['sometimes', /breaker: is off, or/],
    [{ failures: 0 }, /breaker\.failures: /],
    [{ open: 'soon' }, /breaker\.open: is not a duration/],
    [{ open: '2m' }, /breaker: openMs must not exceed/],
    [{ tries: 3 }, /tries/],
  ])('%o is refused with its path', (breaker, message) => {
    expect(problemsOf(oneEndpoint({ breaker })).join('\n')).toMatch(message);
  });
});
