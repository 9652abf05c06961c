// What signing and the egress guard cost by themselves, in CPU time: the guard cannot be switched off, so no scenario tells it
// from the rest. Needs no servers.

import { randomBytes, randomUUID } from 'node:crypto';
import type { DispatchId } from '@postrider/core/domain';
import { createEgressGuard, readEgressPolicy } from '@postrider/http';
import { buildRequest, profileNamed } from '@postrider/profiles';
import { microRounds, originCount } from './limits.ts';
import { dataOf, envoyKey, envoyKeyId, messageOf, originHost, signingSecret } from './traffic.ts';

/** A line for each step: user and system time in µs. */
export function measureSignAndGuard(nowMs: () => number): string {
  return [
    'CPU in µs, mean of many calls in one process with nothing else to do',
    ...['plain', 'standard-webhooks', 'envoy'].map((name) => line(`build a request, ${name}`, buildStep(name, nowMs))),
    line('vet a connection to a public address', vetStep({ mapped: false })),
    line('vet a connection to a mapped address, as in the scenarios', vetStep({ mapped: true })),
  ].join('\n');
}

function buildStep(name: string, nowMs: () => number): () => boolean {
  const profile = profileNamed(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  const timestampMs = nowMs();
  const dispatchId = 'dsp_01JBENCH000000000000000000' as DispatchId;
  const body = name === 'envoy' ? messageOf(randomUUID(), new Date(timestampMs).toISOString()) : dataOf(1, 0n);
  const keys = { 'standard-webhooks': ['k1', signingSecret], envoy: [envoyKeyId, envoyKey] } as const;
  const key = name === 'plain' ? undefined : keys[name as keyof typeof keys];
  const secrets = key === undefined ? [] : [{ id: key[0], purpose: 'signing', value: Buffer.from(key[1]) }];
  const endpoint = {
    url: `https://${originHost(0)}/hooks/0`,
    method: 'POST',
    headers: {},
    auth: undefined,
    profileOptions: {},
  } as const;
  return () =>
    buildRequest(profile, { dispatch: { dispatchId, body }, endpoint, secrets, timestampMs, randomBytes }).ok;
}

function vetStep({ mapped }: { readonly mapped: boolean }): () => boolean {
  const allowHosts = Array.from({ length: originCount }, (_, index) => `${originHost(index)}=127.0.0.1`);
  const read = readEgressPolicy({ environment: 'bench', allowHosts });
  if (!read.ok) throw new Error(read.problems.join('; '));
  const guard = createEgressGuard(read.policy);
  const addresses = [{ address: mapped ? '127.0.0.1' : '93.184.215.14', family: 4 }] as const;
  const source = mapped ? 'allow-hosts' : 'resolver';
  return () => guard.vet({ host: originHost(1), port: 443, addresses, source }).ok;
}

/** @throws when a step says no: then something else than its work was measured */
function line(what: string, step: () => boolean): string {
  const run = (): void => {
    for (let n = 0; n < microRounds; n++) if (!step()) throw new Error(`${what}: refused`);
  };
  // Once for the compilers.
  run();
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return `${((user + system) / microRounds).toFixed(2).padStart(8)}  ${what}`;
}
