// The receiver written for the bench: receiver-process.ts in a process of its own.

import { startPeer } from './peer-process.ts';
import type { Arrival, BenchReceiver, ReceiverSetup, Tally } from './receiver.ts';
import { envoyKey, envoyKeyId, signingSecret } from './traffic.ts';

/** What receiver-process.ts tells unasked. */
export type ReceiverNews =
  | { readonly kind: 'progress'; readonly count: number }
  | { readonly kind: 'arrival'; readonly count: number; readonly atNs: string };

export async function startNodeReceiver({ key, cert }: ReceiverSetup): Promise<BenchReceiver> {
  const waiting = new Map<number, PromiseWithResolvers<Arrival>>();
  let count = 0;
  const peer = startPeer('receiver-process.ts', (message) => {
    const news = message as ReceiverNews;
    count = Math.max(count, news.count);
    if (news.kind === 'progress') return;
    waiting.get(news.count)?.resolve({ count: news.count, atNs: BigInt(news.atNs) });
    waiting.delete(news.count);
  });
  const { port } = await peer.ask<{ port: number }>('start', {
    key,
    cert,
    secret: signingSecret,
    envoyKeys: { [envoyKeyId]: envoyKey },
  });
  return {
    name: 'a small Node receiver (nginx is not used)',
    pid: peer.pid,
    port,
    async begin(options) {
      count = 0;
      waiting.clear();
      await peer.ask('begin', options);
    },
    count: () => count,
    async arrival(wanted) {
      const found = Promise.withResolvers<Arrival>();
      waiting.set(wanted, found);
      await peer.ask('announce', wanted);
      return found.promise;
    },
    tally: () => peer.ask<Tally>('tally'),
    latencies: (from) => peer.ask<number[]>('latencies', from),
    close: () => peer.stop(),
  };
}
