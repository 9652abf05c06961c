import { describe, expect, it } from 'vitest';
import { checkEndpoint, decodeEndpoint, encodeEndpoint, maskUrl } from './endpoint-record.ts';

/** A record with everything in it. */
const golden = {
  endpointId: 'acme:hook-1',
  version: 3,
  managedBy: 'file',
  projectId: 'acme',
  environment: 'live',
  url: 'https://hooks.example.com/in?tenant=7',
  status: { kind: 'paused', reason: 'asked for' },
  eventTypes: ['*', 'check.*', 'check.done'],
  profile: 'standard-webhooks',
  profileOptions: { payload: 'envelope' },
  method: 'PUT',
  headers: { 'X-Tenant': '7' },
  auth: { header: 'Authorization', scheme: 'Bearer' },
  timeoutMs: 15_000,
  retry: { kind: 'exponential', baseMs: 100, factor: 2, capMs: 60_000, count: 5, spread: 0.1 },
  maxAgeMs: 86_400_000,
  successStatus: [
    [200, 299],
    [409, 409],
  ],
  concurrency: 16,
  ratePerSecond: 0.5,
  keepResponse: false,
  tls: { ca: '-----BEGIN CERTIFICATE-----' },
  secrets: [
    { id: 'k1', purpose: 'signing', ref: 'env:HOOK_KEY', notBeforeMs: 1, notAfterMs: 2 },
    { id: 'k2', purpose: 'auth', ref: 'file:/run/secrets/k2' },
  ],
  updatedAt: '2026-01-02T03:04:05Z',
  updatedBy: 'ops',
  approvedBy: 'lead',
};

/** The golden record with one value replaced, or taken out, at a path. */
function changed(path: string, value: unknown): unknown {
  const record = structuredClone(golden) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  let at = record;
  for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>;
  const last = keys.at(-1)!;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return record;
}

const problemsOf = (value: unknown): string[] => {
  const checked = checkEndpoint(value);
  return checked.ok ? [] : checked.problems;
};

describe('checkEndpoint', () => {
  it.each([
    [{ timeoutMs: 900_000 }, 'timeoutMs: must be at most 120000 ms'],
    [{ retry: { kind: 'delays', delaysMs: [8 * 86_400_000] } }, 'retry.delaysMs.0: must be at most 604800000 ms'],
    [{ concurrency: 0 }, 'concurrency: must be at least 1'],
    [{ ratePerSecond: 0 }, 'ratePerSecond: must be above 0'],
    [{ eventTypes: [] }, 'eventTypes: needs at least 1 of them'],
    [{ profile: '' }, 'profile: needs at least 1 characters'],
  ])('tells the bound that %j is beyond, with its unit', (over, problem) => {
    expect(checkEndpoint({ ...golden, ...over })).toEqual({ ok: false, problems: [problem] });
  });

  it('takes the golden record as it is', () => {
    expect(checkEndpoint(golden)).toEqual({ ok: true, value: golden });
  });

  it.each(['auth', 'ratePerSecond', 'keepResponse', 'tls', 'approvedBy'])('does without %s', (path) => {
    expect(problemsOf(changed(path, undefined))).toEqual([]);
  });

  const required = Object.keys(golden).filter(
    (key) => !['auth', 'ratePerSecond', 'keepResponse', 'tls', 'approvedBy'].includes(key),
  );
  it.each(required)('asks for %s by name', (path) => {
    expect(problemsOf(changed(path, undefined))).toEqual([expect.stringMatching(new RegExp(`^${path}: `))]);
  });

  it.each<[string, unknown]>([
    ['endpointId', ''],
    ['endpointId', 'has space'],
    ['endpointId', '-begins'],
    ['endpointId', 'a/b'],
    ['endpointId', 'a'.repeat(129)],
    ['version', 0],
    ['version', 1.5],
    ['managedBy', 'somebody'],
    ['projectId', 'ü'],
    ['environment', 'Live'],
    ['url', 'http://hooks.example.com/'],
    ['url', 'https://user:pass@hooks.example.com/'],
    ['url', 'https://user@hooks.example.com/'],
    ['url', 'https://hooks.example.com/#part'],
    ['url', 'https://hooks.example.com/a b'],
    ['url', 'https://hooks.example.com\\@evil.example/'],
    ['url', 'https://hooks.example.com/\u0000'],
    ['url', ' https://hooks.example.com/'],
    ['url', 'https://'],
    ['url', 'https://hooks.example.com:99999/'],
    ['url', `https://hooks.example.com/${'a'.repeat(2048)}`],
    ['status.kind', 'gone'],
    ['status.reason', 'x'.repeat(501)],
    ['eventTypes', []],
    ['eventTypes', Array.from({ length: 101 }, (_, i) => `t${i}`)],
    ['eventTypes.0', ''],
    ['eventTypes.0', 'a.*.b'],
    ['eventTypes.0', 'a*'],
    ['eventTypes.0', '.*.*'],
    ['eventTypes.0', 'has space'],
    ['profile', ''],
    ['profileOptions', []],
    ['method', 'GET'],
    ['headers', { 'X-Number': 1 }],
    ['auth.header', ''],
    ['timeoutMs', 99],
    ['timeoutMs', 120_001],
    ['timeoutMs', '5s'],
    ['retry.kind', 'whenever'],
    ['retry.factor', 0.5],
    ['retry.baseMs', 99],
    ['retry.count', 51],
    ['retry.spread', 1.1],
    ['retry', { kind: 'named', name: 'gentle' }],
    ['retry', { kind: 'delays', delaysMs: [-1] }],
    ['retry', { kind: 'delays', delaysMs: Array.from({ length: 51 }, () => 1) }],
    ['retry', { kind: 'delays', delaysMs: [8 * 86_400_000] }],
    ['maxAgeMs', 999],
    ['maxAgeMs', 31 * 86_400_000],
    ['successStatus', []],
    ['successStatus.0', [299, 200]],
    ['successStatus.0', [99, 200]],
    ['successStatus.0', [200]],
    ['concurrency', 0],
    ['concurrency', 1_001],
    ['ratePerSecond', 0],
    ['tls.ca', 1],
    ['secrets.0.id', ''],
    ['secrets.0.ref', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['secrets.0.ref', 'env:'],
    ['secrets.0.ref', 'env:lower-case'],
    ['secrets.0.ref', 'vault:path'],
    ['secrets.0.ref', 'file:'],
    ['secrets.0.ref', 'clear text env:NAME'],
    ['updatedAt', 'yesterday'],
    ['updatedAt', '2026-01-02T03:04:05+01:00'],
    ['updatedBy', ''],
  ])('refuses %s = %j and says where', (path, value) => {
    const problems = problemsOf(changed(path, value));
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) expect(problem).toMatch(new RegExp(`^${path.replaceAll('.', String.raw`\.`)}[.:]`));
  });

  it.each([
    'secrets.0.value',
    'secrets.0.secret',
    'auth.value',
    'tls.key',
    'status.note',
    'retry.jitter',
    'secret',
    'surprise',
  ])('has no place for %s: a secret in clear does not slip in by a field that nobody reads', (path) => {
    expect(problemsOf(changed(path, 'whsec_clear')).join()).toContain(path.split('.').at(-1));
  });

  describe('a wrapped secret', () => {
    const wrapped = { id: 'k1', purpose: 'signing', wrapped: 'v1.AAAA.BBBB', kekId: `${golden.environment}.01J` };
    const withSecret = (over: Record<string, unknown>) => changed('secrets', [{ ...wrapped, ...over }]);

    it('stands in the record, and comes back as it was written', () => {
      const checked = checkEndpoint(withSecret({ notAfterMs: 5 }));
      expect(checked.ok && checked.value.secrets).toEqual([{ ...wrapped, notAfterMs: 5 }]);
    });

    it.each([
      ['secrets.0.ref', { ref: 'env:X' }],
      ['secrets.0.kekId', { kekId: undefined }],
      ['secrets.0.wrapped', { wrapped: undefined }],
      ['secrets.0.wrapped', { wrapped: 'whsec_clear' }],
      ['secrets.0.wrapped', { wrapped: `v1.${'A'.repeat(12_500)}.BBBB` }],
      ['secrets.0.kekId', { kekId: 'another.01J' }],
      ['secrets.0.kekId', { kekId: '01J' }],
      ['secrets.0', { value: 'whsec_clear' }],
    ])('is refused at %s with %j, in one problem that quotes nothing', (path, over) => {
      const problems = problemsOf(withSecret(over));
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(new RegExp(`^${path.replaceAll('.', String.raw`\.`)}: `));
      expect(problems[0]).not.toContain('whsec_clear');
    });
  });

  it('never quotes a value: it may be a secret that was put in the wrong place', () => {
    expect(problemsOf(changed('secrets.0.ref', 'whsec_clear')).join()).not.toContain('whsec_clear');
    expect(problemsOf(changed('url', 'https://u:whsec_clear@a.example')).join()).not.toContain('whsec_clear');
  });

  it.each([null, undefined, 1, 'text', []])('refuses %j', (value) => {
    expect(problemsOf(value)).toEqual([expect.stringMatching(/^endpoint: /)]);
  });
});

describe('decodeEndpoint', () => {
  it('reads what was written', () => {
    const checked = checkEndpoint(golden);
    expect(checked.ok && decodeEndpoint(encodeEndpoint(checked.value))).toEqual({ ok: true, value: golden });
  });

  it.each([Buffer.alloc(0), Buffer.from('{'), Buffer.from('null'), Buffer.from([0xff])])(
    'never throws: %j',
    (bytes) => {
      expect(decodeEndpoint(bytes)).toEqual({ ok: false, problem: expect.stringMatching(/./) as string });
    },
  );
});

describe('maskUrl', () => {
  it.each([
    ['https://a.example/hook', 'https://a.example/hook'],
    ['https://a.example/hook?', 'https://a.example/hook?'],
    ['https://a.example/hook?key=s3cret', 'https://a.example/hook?key=***'],
    ['https://a.example/?a=1&b=2&c', 'https://a.example/?a=***&b=***&***'],
    ['https://a.example/?a=b=c', 'https://a.example/?a=***'],
    ['https://a.example/?a=x?y=z', 'https://a.example/?a=***'],
    ['https://a.example/?=x&a=', 'https://a.example/?=***&a=***'],
  ])('shows %s as %s', (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });
});
