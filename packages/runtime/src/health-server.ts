// What probes and Prometheus ask, on an internal address:
//   /livez    200 while the event loop answers; broker or database being away does not change it (a restart mends neither)
//   /readyz   200 or 503 with the reasons of each service as JSON
//   /metrics  the Prometheus text format

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { healthRequestTimeoutMs } from './limits.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { RuntimeError } from './runtime-error.ts';
import type { ProcessReadiness } from './service.ts';

export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly readiness: () => ProcessReadiness;
  readonly metrics: Pick<Metrics, 'scrape'>;
  readonly logger: Logger;
}

export interface HealthAddress {
  readonly host: string;
  readonly port: number;
  /** e.g. `http://127.0.0.1:9464`, without a path. */
  readonly url: string;
}

export interface HealthServer {
  /** @throws RuntimeError `health-listen`, saying how to mend it. */
  start(): Promise<HealthAddress>;
  /** Ends open connections too: a probe is repeated anyway. */
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

const plain = 'text/plain; charset=utf-8';

export function createHealthServer(options: HealthServerOptions): HealthServer {
  const { host, port, logger } = options;
  const server = createServer({ requestTimeout: healthRequestTimeoutMs }, (request, response) => {
    answer(request, options).then(
      (result) => send(request, response, result),
      (error: unknown) => {
        logger.error({ error, path: request.url }, 'health request failed');
        send(request, response, { status: 500, contentType: plain, text: 'failed, see the log\n' });
      },
    );
  });

  return {
    start() {
      return new Promise((resolve, reject) => {
        const onError = (error: NodeJS.ErrnoException): void => {
          reject(new RuntimeError('health-listen', listenFault(error, host, port), { cause: error }));
        };
        server.once('error', onError);
        server.listen(port, host, () => {
          server.off('error', onError);
          server.on('error', (error) => logger.error({ error }, 'health server failed'));
          const address = server.address() as AddressInfo;
          const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
          resolve({ host: address.address, port: address.port, url: `http://${shownHost}:${address.port}` });
        });
      });
    },
    stop() {
      return new Promise((resolve) => {
        // The only error is "was not running", which is what is wanted.
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function answer(request: IncomingMessage, options: HealthServerOptions): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, contentType: plain, text: 'only GET\n' };
  }
  const path: string = request.url?.split('?', 1)[0] ?? '';
  switch (path) {
    case '/livez':
      return { status: 200, contentType: plain, text: 'alive\n' };
    case '/readyz': {
      const readiness = options.readiness();
      const text = `${JSON.stringify(readiness)}\n`;
      return { status: readiness.ready ? 200 : 503, contentType: 'application/json; charset=utf-8', text };
    }
    case '/metrics': {
      const { contentType, text } = await options.metrics.scrape();
      return { status: 200, contentType, text };
    }
    default:
      return { status: 404, contentType: plain, text: '/livez, /readyz or /metrics\n' };
  }
}

function send(request: IncomingMessage, response: ServerResponse, result: Answer): void {
  response.writeHead(result.status, { 'content-type': result.contentType, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : result.text);
}

function listenFault(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') {
    return `port ${port} on ${host} is taken: set health.port (POSTRIDER_HEALTH_PORT) to another one, or to 0 for a free one`;
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return `${host} is no address of this machine: set health.host (POSTRIDER_HEALTH_HOST)`;
  }
  return `cannot listen on ${host} port ${port}: ${error.message}`;
}
