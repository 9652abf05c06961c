// nginx as the receiver, with a configuration made at run time: TLS, keep-alive, 200 to everything. Counts while it runs
// come from stub_status, what arrived afterwards from its access log.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { pickPorts } from '@postrider/dev-stack';
import { stopMs } from './limits.ts';
import type { Arrival, BenchReceiver, ReceiverSetup } from './receiver.ts';

const pollMs = 20;
const readyMs = 10_000;

export async function startNginxReceiver(
  command: string,
  { key, cert, folder }: ReceiverSetup,
): Promise<BenchReceiver> {
  const [port, statusPort] = (await pickPorts(2)) as [number, number];
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, statusPort));
  const child = spawn(command, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = once(child, 'exit');
  const log = join(folder, 'access.log');

  let count = 0;
  let before = 0;
  let waiting: { readonly count: number; readonly resolve: (arrival: Arrival) => void }[] = [];

  const look = async (): Promise<void> => {
    count = (await requestsTaken(statusPort)) - before;
    const atNs = process.hrtime.bigint();
    for (const { count: wanted, resolve } of waiting.filter((each) => each.count <= count))
      resolve({ count: wanted, atNs });
    waiting = waiting.filter((each) => each.count > count);
  };
  const until = performance.now() + readyMs;
  for (;;) {
    try {
      before = await requestsTaken(statusPort);
      break;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > until)
        throw new Error('nginx did not start', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
  let closed = false;
  let timer = setTimeout(again, pollMs);
  function again(): void {
    void look()
      .catch(() => {})
      .finally(() => {
        if (!closed) timer = setTimeout(again, pollMs);
      });
  }

  return {
    name: 'nginx',
    pid: child.pid!,
    port,
    async begin({ latency, reply }) {
      if (latency || reply)
        throw new Error('nginx neither times arrivals well enough nor replies: use the Node receiver');
      truncateSync(log);
      before = await requestsTaken(statusPort);
      count = 0;
      waiting = [];
    },
    count: () => count,
    arrival: (wanted) => new Promise((resolve) => waiting.push({ count: wanted, resolve })),
    async tally() {
      // The log is written once a second, or when its buffer is full.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      const ids = readFileSync(log, 'latin1').split('\n').filter(Boolean);
      return { requests: ids.length, distinct: new Set(ids).size, connections: undefined, verified: 0, forged: 0 };
    },
    latencies: () => Promise.resolve([]),
    async close() {
      closed = true;
      clearTimeout(timer);
      const killer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      child.kill('SIGTERM');
      await gone;
      clearTimeout(killer);
    },
  };
}

function configuration(folder: string, port: number, statusPort: number): string {
  return `daemon off;
master_process on;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http {
  log_format ids '$http_webhook_id$http_postrider_dispatch_id';
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/cert.pem;
    ssl_certificate_key ${folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    keepalive_timeout 75s;
    keepalive_requests 10000000;
    client_body_buffer_size 64k;
    access_log ${folder}/access.log ids buffer=256k flush=1s;
    location / { return 200 "ok"; }
  }
  server {
    listen 127.0.0.1:${statusPort};
    location / { stub_status; }
  }
}
`;
}

let asked = 0;
let lastAnswer: Promise<unknown> = Promise.resolve();

/** Requests that were answered so far, without the questions themselves: asked one at a time, or one would count another. */
function requestsTaken(port: number): Promise<number> {
  const answer = lastAnswer.then(() => ask(port));
  lastAnswer = answer.catch(() => {});
  return answer;
}

function ask(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        asked += 1;
        const numbers = /\n\s*\d+ \d+ (\d+)/.exec(text);
        resolve(Number(numbers?.[1] ?? 0) - asked);
      });
    });
    request.on('error', reject);
  });
}
