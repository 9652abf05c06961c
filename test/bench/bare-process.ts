// The denominator: what one signed POST over TLS costs with undici and nothing else. Same receiver, same origins, same bytes,
// same headers as a delivery; undici's dispatch interface, the cheapest it has.

import { createHmac, createSecretKey, randomUUID, type KeyObject } from 'node:crypto';
import { Agent, type Dispatcher } from 'undici';
import { bareConcurrency, bodyBytes } from './limits.ts';
import { answerAsPeer } from './peer-process.ts';
import { originHost } from './traffic.ts';

export interface BareSetup {
  readonly port: number;
  readonly caPem: string;
  readonly secret: string;
  readonly endpoints: number;
}

let setup: BareSetup;
let key: KeyObject;
let agent: Agent;
let sent = 0;
let latencies: number[] = [];
const body = Buffer.alloc(bodyBytes, 'x');

function post(endpoint: number): Promise<void> {
  const id = randomUUID();
  const seconds = Math.floor((performance.timeOrigin + performance.now()) / 1_000);
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64');
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    let status = 0;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code;
      },
      onResponseData() {},
      onResponseEnd() {
        if (status !== 200) return reject(new Error(`the receiver answered ${status}`));
        sent += 1;
        latencies.push(performance.now() - startMs);
        resolve();
      },
      onResponseError: (_controller, error) => reject(error),
    };
    agent.dispatch(
      {
        origin: `https://${originHost(endpoint)}:${setup.port}`,
        path: `/hooks/${endpoint}`,
        method: 'POST',
        headers: [
          'Content-Type',
          'application/json',
          'User-Agent',
          'bare',
          'webhook-id',
          id,
          'webhook-timestamp',
          String(seconds),
          'webhook-signature',
          `v1,${signature}`,
        ],
        body,
      },
      handler,
    );
  });
}

answerAsPeer({
  open(options: BareSetup) {
    setup = options;
    key = createSecretKey(Buffer.from(options.secret.slice('whsec_'.length), 'base64'));
    agent = new Agent({
      pipelining: 1,
      connect: {
        ca: options.caPem,
        lookup: (_host, { all }, callback) =>
          all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
      },
    });
  },
  /** @returns requests and the time they took, in ms */
  async send({ seconds }: { readonly seconds: number }) {
    sent = 0;
    latencies = [];
    const startMs = performance.now();
    const until = startMs + seconds * 1_000;
    const worker = async (first: number): Promise<void> => {
      for (let n = first; performance.now() < until; n += bareConcurrency) await post(n % setup.endpoints);
    };
    await Promise.all(Array.from({ length: bareConcurrency }, (_, n) => worker(n)));
    return { sent, ms: performance.now() - startMs };
  },
  latencies: () => latencies.sort((a, b) => a - b),
});
