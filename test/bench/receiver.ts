// What the scenarios need of an HTTPS receiver, and the choice between the two there are.

import { delimiter, join } from 'node:path';
import { accessSync, constants } from 'node:fs';
import { startNginxReceiver } from './receiver-nginx.ts';
import { startNodeReceiver } from './receiver-node.ts';

export interface ReceiverSetup {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** A folder of its own, made already. */
  readonly folder: string;
}

export interface ReceiverMode {
  /** Keeps the time from the `scheduledNs` of each body to its arrival. */
  readonly latency: boolean;
  /** Answers each request as a call: with a reply to the transaction that it names. */
  readonly reply: boolean;
  /** Every n-th endpoint never answers; 0 or absent: all do. */
  readonly hangEvery?: number;
  /** Latencies leave every n-th endpoint out. */
  readonly healthyOnly?: number;
  /** Latencies are of events with this number or a higher one. */
  readonly latencyFrom?: number;
  /** The first request of each delivery is answered 500. */
  readonly failFirst?: boolean;
}

/** What arrived since `begin`. */
export interface Tally {
  readonly requests: number;
  /** Different dispatch ids. */
  readonly distinct: number;
  /** TLS connections made; undefined when the receiver does not know. */
  readonly connections: number | undefined;
  /** Signatures looked at, and how many were wrong. */
  readonly verified: number;
  readonly forged: number;
}

/** The moment a delivery arrived, on the clock of `process.hrtime`. */
export interface Arrival {
  readonly count: number;
  readonly atNs: bigint;
}

export interface BenchReceiver {
  /** How it is called in the report. */
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Forgets everything. */
  begin(options: ReceiverMode): Promise<void>;
  /** Deliveries so far, as last heard. */
  count(): number;
  /** Resolves when the n-th delivery since `begin` arrives, in ascending order of n. */
  arrival(count: number): Promise<Arrival>;
  tally(): Promise<Tally>;
  /** In ms, ascending, from the n-th delivery on; empty unless asked for. */
  latencies(from: number): Promise<number[]>;
  close(): Promise<void>;
}

/** nginx where the PATH has it, unless told otherwise. */
export async function startBenchReceiver(
  wanted: 'auto' | 'nginx' | 'node',
  setup: ReceiverSetup,
): Promise<BenchReceiver> {
  const nginx = wanted === 'node' ? undefined : onPath('nginx');
  if (nginx !== undefined) return startNginxReceiver(nginx, setup);
  if (wanted === 'nginx') throw new Error('nginx is not on the PATH');
  return startNodeReceiver(setup);
}

function onPath(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin')) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}
