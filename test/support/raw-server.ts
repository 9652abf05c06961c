// Servers on loopback that say exactly what a test wants, byte by byte, and are gone afterwards with all their connections.

import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';

export interface RawServer {
  readonly port: number;
  /** TCP connections so far. */
  readonly connections: number;
  /** TCP connections that are open now. */
  readonly open: number;
  /** Resolves when no connection is open. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

/** Speaks TLS. `onSocket` gets every connection whose handshake succeeded, with its 1-based number. */
export async function startRawTlsServer(
  options: TlsOptions,
  onSocket: (socket: TLSSocket, connection: number) => void,
): Promise<RawServer> {
  let secured = 0;
  const server = createTlsServer(options, (socket) => {
    socket.on('error', () => {});
    onSocket(socket, (secured += 1));
  });
  // A client that refuses the certificate is what many tests want to see.
  server.on('tlsClientError', () => {});
  return start(server);
}

/** Speaks nothing by itself. */
export async function startRawTcpServer(onSocket: (socket: Socket) => void): Promise<RawServer> {
  return start(createTcpServer(onSocket));
}

async function start(server: Server): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) for (const resolve of waiting.splice(0)) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    drained: () => new Promise((resolve) => (sockets.size === 0 ? resolve() : waiting.push(resolve))),
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}
