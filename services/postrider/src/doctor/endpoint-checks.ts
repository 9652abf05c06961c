// What is asked about endpoints: the table, their secrets, and the way to each receiver as a delivery would go it.

import type { Endpoint, GoneVersions } from '@postrider/core/domain';
import { probeTls } from '@postrider/http';
import { secretAsk, type SecretAsk, type SecretSource } from '@postrider/runtime';
import type { EndpointSnapshot } from '../endpoint-table.ts';
import { egressOf } from '../egress.ts';
import { receiverProbesAtOnce } from '../limits.ts';
import type { PostriderConfig } from '../settings.ts';
import { counted } from '../table-text.ts';
import { judgeEndpoints, judgeSecrets, neededSecrets } from './endpoint-rules.ts';
import { findingsOf, type Finding } from './finding.ts';
import { judgeReceiver } from './receiver-rules.ts';
import { eachBounded, type Check } from './run-checks.ts';

export interface EndpointPorts {
  readonly config: PostriderConfig;
  readonly snapshot: Pick<EndpointSnapshot, 'endpoints' | 'invalid'>;
  readonly gone: Pick<GoneVersions, 'sinceMs'>;
  readonly secrets: Pick<SecretSource, 'prepare'>;
  readonly now: () => number;
  readonly timeoutMs: number;
  readonly note: (text: string) => void;
}

export function endpointChecks(ports: EndpointPorts): Check[] {
  const { snapshot, secrets, now } = ports;
  const endpoints = [...snapshot.endpoints.values()];
  return [
    {
      area: 'endpoints',
      subject: 'endpoints',
      run: async () => judgeEndpoints(endpoints, snapshot.invalid, ports.gone),
    },
    {
      area: 'secrets',
      subject: 'secrets',
      async run() {
        const needed = neededSecrets(endpoints, now());
        const asks = endpoints.flatMap((endpoint) =>
          endpoint.secrets.flatMap((secret): [string, SecretAsk][] => {
            const name = secret.ref ?? `${endpoint.endpointId}/${secret.id}`;
            return needed.has(name) ? [[name, secretAsk(endpoint, secret)]] : [];
          }),
        );
        return judgeSecrets(needed, await secrets.prepare([...new Map(asks).values()]));
      },
    },
  ];
}

/** A disabled endpoint is not looked at; several behind one address are one handshake. */
export async function receiverFindings(ports: EndpointPorts): Promise<Finding[]> {
  const targets = new Map<string, { readonly url: URL; readonly tls: Endpoint['tls']; readonly ids: string[] }>();
  for (const { endpointId, url: text, tls, status } of ports.snapshot.endpoints.values()) {
    if (status.kind === 'disabled') continue;
    const url = new URL(text);
    const key = `${url.host} ${JSON.stringify(tls ?? null)}`;
    const target = targets.get(key);
    if (target) target.ids.push(endpointId);
    else targets.set(key, { url, tls, ids: [endpointId] });
  }
  const { guard } = egressOf(ports.config);
  let done = 0;
  const found = await eachBounded([...targets.values()], receiverProbesAtOnce, async ({ url, tls, ids }) => {
    const probe = await probeTls(url, {
      guard,
      tls: tls?.ca === undefined ? undefined : { ca: tls.ca },
      timeoutMs: ports.timeoutMs,
    });
    done += 1;
    if (done % receiverProbesAtOnce === 0) ports.note(`${done} of ${counted(targets.size, 'receiver')} looked at`);
    const subject = `${url.hostname}:${url.port === '' ? 443 : url.port}`;
    return judgeReceiver({ subject, endpoints: ids, probe, bare: tls?.clientCert !== undefined }, ports.now());
  });
  const names = new Set([...targets.values()].map(({ url }) => url.hostname));
  const { ok } = findingsOf('dns');
  const anyUnknown = found.some(({ area }) => area === 'dns');
  return names.size === 0 || anyUnknown
    ? found
    : [...found, ok({ subject: counted(names.size, 'name'), what: 'looked up' })];
}
