// A TCP proxy on loopback that spoils connections on command, the same way for the same seed.
//
//   client ──▶ lane up ──▶ server        faults: latency, bandwidth, slicer, hold, half-open, reset, down
//          ◀── lane down ◀──             an interceptor may look at, change, keep or drop what passes

import { createServer, connect, type Server, type Socket } from 'node:net';
import { pickPorts } from '@postrider/dev-stack';
import { noFaults, ProxyLane, type LaneFaults } from './proxy-lane.ts';
import { seededRandom } from './seeded-random.ts';

/** What an interceptor may do with one connection. */
export interface ProxiedConnection {
  toServer(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** RST to both sides. */
  reset(): void;
}

/** Receives every chunk of a connection and forwards what it wants. */
export interface Interceptor {
  fromClient(bytes: Buffer): void;
  fromServer(bytes: Buffer): void;
}

export interface TcpProxyOptions {
  target: { host: string; port: number };
  /** Default 1. Sizes of slices and jitter follow from it. */
  seed?: number;
  intercept?: (connection: ProxiedConnection) => Interceptor;
}

export interface TcpProxy {
  readonly port: number;
  /** For all connections, from now on; what is not named stays. */
  set(faults: Partial<LaneFaults>): void;
  /** As in a stopped process: connections stay open, bytes wait on the way and arrive after `heal`. */
  hold(): void;
  /** As behind a lost route: connections stay open and every byte is lost, ends of connections too. */
  halfOpen(): void;
  /** Ends all faults. Connections that lost bytes are reset, as by a peer that knows nothing of them. */
  heal(): void;
  /** Resets all connections; new ones are accepted. */
  reset(): void;
  /** Resets all connections and refuses new ones, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Clients connected now. */
  connections(): number;
  stop(): Promise<void>;
}

interface Connection {
  client: Socket;
  server: Socket;
  lanes: ProxyLane[];
  lostBytes: boolean;
}

/** Listens on a free port of 127.0.0.1 and connects to the target once for each client. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const [port = 0] = await pickPorts(1);
  const random = seededRandom(options.seed ?? 1);
  const open = new Set<Connection>();
  let faults: LaneFaults = { ...noFaults };
  let mode: 'pass' | 'hold' | 'half-open' = 'pass';
  let listener: Server | undefined;

  function accept(client: Socket): void {
    const server = connect({ ...options.target, allowHalfOpen: true });
    client.setNoDelay(true);
    server.setNoDelay(true);
    const up = new ProxyLane({ from: client, to: server, faults: () => faults, random });
    const down = new ProxyLane({ from: server, to: client, faults: () => faults, random });
    const connection: Connection = { client, server, lanes: [up, down], lostBytes: false };
    open.add(connection);
    if (mode === 'hold') for (const lane of connection.lanes) lane.hold();
    const interceptor = options.intercept?.({
      toServer: (bytes) => up.push(bytes),
      toClient: (bytes) => down.push(bytes),
      reset: () => destroy(connection),
    }) ?? { fromClient: (bytes) => up.push(bytes), fromServer: (bytes) => down.push(bytes) };
    carry(connection, { from: client, lane: up, take: (bytes) => interceptor.fromClient(bytes) });
    carry(connection, { from: server, lane: down, take: (bytes) => interceptor.fromServer(bytes) });
  }

  function carry(connection: Connection, way: { from: Socket; lane: ProxyLane; take: (bytes: Buffer) => void }): void {
    const { from, lane, take } = way;
    from.on('data', (bytes: Buffer) => {
      if (mode === 'half-open') connection.lostBytes = true;
      else take(bytes);
    });
    from.on('end', () => {
      if (mode === 'half-open') connection.lostBytes = true;
      else lane.end();
    });
    from.on('error', () => {
      if (mode !== 'half-open') destroy(connection);
    });
    from.on('close', () => {
      if (connection.client.destroyed && connection.server.destroyed) destroy(connection);
      else if (mode === 'half-open') connection.lostBytes = true;
      else lane.end();
    });
  }

  function destroy(connection: Connection): void {
    open.delete(connection);
    for (const lane of connection.lanes) lane.destroy();
    for (const socket of [connection.client, connection.server]) {
      if (socket.destroyed) continue;
      // An RST needs a connection; one that is still being made is simply given up.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  async function listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    listener = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve);
    });
  }

  async function refuse(): Promise<void> {
    const server = listener;
    listener = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of open) destroy(connection);
    await closed;
  }

  await listen();
  return {
    port,
    set: (changed) => void (faults = { ...faults, ...changed }),
    hold() {
      mode = 'hold';
      for (const { lanes } of open) for (const lane of lanes) lane.hold();
    },
    halfOpen: () => void (mode = 'half-open'),
    heal() {
      mode = 'pass';
      faults = { ...noFaults };
      for (const connection of open) {
        if (connection.lostBytes) destroy(connection);
        else for (const lane of connection.lanes) lane.release();
      }
    },
    reset() {
      for (const connection of open) destroy(connection);
    },
    down: refuse,
    async up() {
      if (listener === undefined) await listen();
    },
    connections: () => open.size,
    stop: refuse,
  };
}
