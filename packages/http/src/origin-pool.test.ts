import { describe, expect, it, vi } from 'vitest';

import { ExchangeInFlight } from './exchange-in-flight.ts';
import { OriginPool } from './origin-pool.ts';
import type { PooledClient } from './pooled-client.ts';

/** Stands for a connection: the test says when it is free, gone, or lost. */
interface TestClient {
  isConnected: boolean;
  bornAtMs: number;
  sentAtMs: number;
  sent: ExchangeInFlight[];
  isDestroyed: boolean;
}

function poolOf(connectionsMax: number) {
  const clients: TestClient[] = [];
  const seen = { idle: 0, emptied: 0 };
  const pool = new OriginPool({
    connectionsMax,
    createClient: () => {
      const client = {
        isConnected: true,
        bornAtMs: performance.now(),
        sentAtMs: performance.now(),
        sent: [] as ExchangeInFlight[],
        isDestroyed: false,
        send: (_options: unknown, flight: ExchangeInFlight) => client.sent.push(flight),
        dropConnection: () => (client.isConnected = false),
        destroy: async () => {
          client.isDestroyed = true;
        },
      };
      clients.push(client);
      return client as unknown as PooledClient;
    },
    becameIdle: () => (seen.idle += 1),
    becameBusy: () => {},
    emptied: () => (seen.emptied += 1),
  });
  const released = (client: TestClient | undefined) => pool.released(client as unknown as PooledClient);
  const lost = (client: TestClient | undefined) => pool.lost(client as unknown as PooledClient);
  return { pool, clients, seen, released, lost };
}

function flightOf(): ExchangeInFlight {
  const settings = { now: () => 0, timeoutMs: 60_000, responseBytesMax: 0, signal: undefined, settled: () => {} };
  return new ExchangeInFlight(settings);
}

const wire = { origin: 'https://a.example', path: '/', method: 'POST' } as const;

describe('a pool of one origin', () => {
  it('opens two connections for a burst to an unknown origin; the rest waits, and gets its own when nothing comes free', async () => {
    const { pool, clients } = poolOf(9);
    for (let i = 0; i < 5; i++) pool.dispatch(wire, flightOf());
    expect(clients).toHaveLength(2);
    await vi.waitUntil(() => clients.length === 5);
    expect(clients.map(({ sent }) => sent.length)).toEqual([1, 1, 1, 1, 1]);
  });

  it('serves a burst over the connections it has when they come free at once', () => {
    const { pool, clients, released } = poolOf(9);
    for (let i = 0; i < 5; i++) pool.dispatch(wire, flightOf());
    for (const at of [0, 1, 0]) released(clients[at]);
    expect(clients.map(({ sent }) => sent.length)).toEqual([3, 2]);
  });

  it('uses the connection that was used last, and opens one only when none is idle', () => {
    const { pool, clients, released } = poolOf(9);
    pool.dispatch(wire, flightOf());
    pool.dispatch(wire, flightOf());
    released(clients[0]);
    released(clients[1]);
    pool.dispatch(wire, flightOf());
    expect(clients.map(({ sent }) => sent.length)).toEqual([1, 2]);
  });

  it('queues beyond its bound, in order, and passes over what was given up', () => {
    const { pool, clients, released } = poolOf(1);
    const [first, givenUp, third] = [flightOf(), flightOf(), flightOf()];
    for (const flight of [first, givenUp, third]) pool.dispatch(wire, flight);
    givenUp.cancel();
    released(clients[0]);
    expect(clients).toHaveLength(1);
    expect(clients[0]?.sent).toEqual([first, third]);
  });

  it('serves its queue over a new connection when the old one is gone', () => {
    const { pool, clients, released } = poolOf(1);
    const [first, second] = [flightOf(), flightOf()];
    pool.dispatch(wire, first);
    pool.dispatch(wire, second);
    Object.assign(clients[0] ?? {}, { isConnected: false });
    released(clients[0]);
    expect(clients.map(({ sent, isDestroyed }) => [sent, isDestroyed])).toEqual([
      [[first], true],
      [[second], false],
    ]);
  });

  it('never uses an idle connection that has ended, also before it is told so', () => {
    const { pool, clients, released, lost } = poolOf(9);
    pool.dispatch(wire, flightOf());
    released(clients[0]);
    Object.assign(clients[0] ?? {}, { isConnected: false });
    pool.dispatch(wire, flightOf());
    expect(clients.map(({ sent }) => sent.length)).toEqual([1, 1]);
    lost(clients[0]);
    expect(clients[0]?.isDestroyed).toBe(true);
  });

  it('replaces a connection that has grown old', () => {
    const { pool, clients, seen, released } = poolOf(9);
    pool.dispatch(wire, flightOf());
    Object.assign(clients[0] ?? {}, { bornAtMs: performance.now() - 3_600_000 });
    released(clients[0]);
    expect([clients[0]?.isDestroyed, seen.idle, seen.emptied]).toEqual([true, 0, 1]);
  });

  it('says that it is empty when its last connection is lost, and not before', () => {
    const { pool, clients, seen, released, lost } = poolOf(9);
    pool.dispatch(wire, flightOf());
    pool.dispatch(wire, flightOf());
    for (const client of clients) released(client);
    lost(clients[0]);
    expect(seen.emptied).toBe(0);
    lost(clients[1]);
    expect(seen.emptied).toBe(1);
  });

  it('lets what is under way come to its end when it is closed, and keeps no connection', () => {
    const { pool, clients, released } = poolOf(9);
    pool.dispatch(wire, flightOf());
    pool.close();
    expect(clients[0]?.isDestroyed).toBe(false);
    released(clients[0]);
    expect(clients[0]?.isDestroyed).toBe(true);
  });
});
