/**
 * One set of broker connections that mends itself: stale metadata is read again, a lost broker is forgotten, and what does not
 * heal is thrown away whole and opened anew. Whoever uses it retries; nothing here retries by itself for long.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isStaleMetadata, readFailure } from './driver-error.ts';
import { newDriverCluster } from './driver.ts';
import type { DriverCluster } from './driver.ts';
import { KafkaError } from './kafka-error.ts';
import { CONNECT_TIMEOUT_MS, FAILURES_BEFORE_RENEWAL } from './limits.ts';
import { DROPPED } from './settings.ts';
import type { KafkaSettings, SocketSet } from './settings.ts';

export interface Connections {
  /** The connected cluster. Rejects with the driver's error, or KafkaError `closed`. */
  get(): Promise<DriverCluster>;
  /** After any failure of a request. Never rejects; the next `get` may be a new set. */
  heal(error: unknown): Promise<void>;
  /** After a request that was answered: the count of failures starts again. */
  succeeded(): void;
  /** Drops every socket at once; pending requests reject. */
  close(): void;
}

interface Opened {
  cluster: DriverCluster;
  sockets: SocketSet;
  connected: Promise<void>;
}

export function openConnections(settings: KafkaSettings): Connections {
  let current: Opened | null = null;
  let closed = false;
  let failures = 0;
  let turn = 0;

  function open(): Opened {
    const sockets: SocketSet = { open: new Set(), dropped: false };
    // Every new set starts at another broker: the driver always tries the first one of its list first.
    const brokers = settings.brokers.map((_, i) => settings.brokers[(i + turn) % settings.brokers.length] as string);
    turn += 1;
    const cluster = newDriverCluster(settings, brokers, sockets);
    const opened: Opened = { cluster, sockets, connected: cluster.connect() };
    opened.connected.catch(() => drop(opened));
    return opened;
  }

  function drop(opened: Opened): void {
    if (opened.sockets.dropped) return;
    opened.sockets.dropped = true;
    if (current === opened) current = null;
    // With an error, so that the driver rejects what is pending and clears its timers at once.
    for (const socket of opened.sockets.open) socket.destroy(new Error(DROPPED));
  }

  return {
    async get() {
      if (closed) throw new KafkaError('closed', 'the connections are closed');
      current ??= open();
      const opened = current;
      await opened.connected;
      if (opened.sockets.dropped) throw new KafkaError(closed ? 'closed' : 'unavailable', DROPPED);
      return opened.cluster;
    },
    async heal(error) {
      const opened = current;
      const { brokerError, connectionLost, host, port, message } = readFailure(error);
      // A request that died with an older set says nothing about this one.
      if (opened === null || closed || message.includes(DROPPED)) return;
      failures += 1;
      const timedOut = (error as { name?: unknown } | null)?.name === 'KafkaJSRequestTimeoutError';
      if (failures >= FAILURES_BEFORE_RENEWAL || timedOut || !(connectionLost || isStaleMetadata(brokerError))) {
        failures = 0;
        return drop(opened);
      }
      try {
        if (host !== null && port !== null) opened.cluster.removeBroker({ host, port });
        await within(CONNECT_TIMEOUT_MS, opened.cluster.refreshMetadata());
      } catch {
        drop(opened);
      }
    },
    succeeded() {
      failures = 0;
    },
    close() {
      closed = true;
      if (current !== null) drop(current);
    },
  };
}

/** Rejects with KafkaError `timeout` when `work` takes longer than `timeoutMs`. The work itself is not stopped. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      work,
      delay(timeoutMs, undefined, { signal: timer.signal }).then(() => {
        throw new KafkaError('timeout', `no answer within ${timeoutMs} ms`);
      }),
    ]);
  } finally {
    timer.abort();
    work.catch(() => undefined);
  }
}
