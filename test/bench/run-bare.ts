// The scenario *bare*: bare-process.ts against the same receiver, before anything of Postrider runs.

import type { BareSetup } from './bare-process.ts';
import { cpuBy, memory, percentile, usagesOf, type Measured } from './measured.ts';
import { startPeer } from './peer-process.ts';
import type { BenchReceiver } from './receiver.ts';
import { signingSecret } from './traffic.ts';

/** Seconds before the measured ones: compilers and connections. */
const warmUpSeconds = 2;

export async function runBare(options: {
  readonly receiver: BenchReceiver;
  readonly caPem: string;
  readonly endpoints: number;
  readonly seconds: number;
}): Promise<Measured> {
  const { receiver, caPem, endpoints, seconds } = options;
  const peer = startPeer('bare-process.ts');
  try {
    await receiver.begin({ latency: false, reply: false });
    await peer.ask('open', { port: receiver.port, caPem, secret: signingSecret, endpoints } satisfies BareSetup);
    const warm = await peer.ask<{ sent: number }>('send', { seconds: warmUpSeconds });
    const who = {
      services: [],
      servers: { broker: undefined, postgres: undefined },
      receiver: receiver.pid,
      sender: peer.pid,
    };
    const before = usagesOf(who);
    const { sent, ms } = await peer.ask<{ sent: number; ms: number }>('send', { seconds });
    const after = usagesOf(who);
    const latencies = await peer.ask<number[]>('latencies');
    const tally = await receiver.tally();
    if (tally.distinct !== sent + warm.sent || tally.requests !== tally.distinct) {
      throw new Error(
        `bare: ${sent + warm.sent} sent, ${tally.requests} received, ${tally.distinct} of them different`,
      );
    }
    return {
      name: 'bare',
      deliveries: sent,
      deliveriesPerS: sent / (ms / 1_000),
      cpuMsPerDelivery: cpuBy(() => ({ from: before, to: after, deliveries: sent })),
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      ...memory(after),
      ratioToBare: 1,
      sumRatioToBare: 1,
      connections: tally.connections ?? null,
      projection: null,
      hops: null,
    };
  } finally {
    await peer.stop();
  }
}
