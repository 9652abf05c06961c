import { describe, expect, it } from 'vitest';

import { readEgressPolicy } from './egress-policy.ts';

const escapes = {
  allowHosts: ['receiver.example=127.0.0.1'],
  allowPorts: ['8443'],
  allowCidrs: ['10.0.0.0/8'],
};

describe('readEgressPolicy', () => {
  it('opens nothing by default', () => {
    const read = readEgressPolicy({ environment: 'live' });
    expect(read).toMatchObject({ ok: true, policy: { allowPorts: [], allowCidrs: [], ownAddresses: [], notices: [] } });
  });

  it('names every open escape, so that it can be told at the start', () => {
    const read = readEgressPolicy({ environment: 'test', ...escapes });
    expect(read.ok && read.policy.notices).toEqual([
      'allowHosts: receiver.example=127.0.0.1',
      'allowPorts: 8443',
      'allowCidrs: 10.0.0.0/8',
    ]);
  });

  it('refuses each escape in live, unless it is said that it is meant', () => {
    const why = 'is refused in live unless allowPrivateInLive is true';
    expect(readEgressPolicy({ environment: 'live', ...escapes })).toEqual({
      ok: false,
      problems: [`allowHosts: ${why}`, `allowPorts: ${why}`, `allowCidrs: ${why}`],
    });
    expect(readEgressPolicy({ environment: 'live', ...escapes, allowPrivateInLive: true })).toMatchObject({ ok: true });
  });

  it('lets the addresses of the deployment stand in live: they only forbid', () => {
    expect(readEgressPolicy({ environment: 'live', ownAddresses: ['20.30.40.50'] })).toMatchObject({ ok: true });
  });

  it.each([
    ['allowHosts', 'receiver.example'],
    ['allowHosts', '=127.0.0.1'],
    ['allowHosts', 'a.example=localhost'],
    ['allowHosts', '127.0.0.1=127.0.0.2'],
    ['allowPorts', '0'],
    ['allowPorts', '65536'],
    ['allowPorts', '9000-8000'],
    ['allowPorts', 'https'],
    ['allowCidrs', '10.1.2.3/8'],
    ['allowCidrs', '10.0.0.0/33'],
    ['allowCidrs', '::ffff:0:0/129'],
    ['allowCidrs', '10.0.0.0/8/8'],
    ['ownAddresses', 'fe80::1%eth0'],
    ['ownAddresses', '010.0.0.1'],
  ])('refuses %s: %s', (name, entry) => {
    const read = readEgressPolicy({ environment: 'test', [name]: [entry] });
    expect(read.ok ? [] : read.problems).toEqual([expect.stringMatching(`^${name}: "`)]);
  });
});
