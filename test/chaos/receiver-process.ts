// The receiver as a process of its own: no fault touches it, so its journal says what was really sent. One server for each
// address that dispatch processes reach it by.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '@postrider/runtime';
import { answerAsPeer } from '../bench/peer-process.ts';
import { answerFor, type Answer, type AnswerMix } from './receiver-answers.ts';
import { openJournal, type ArrivedLine, type JournalWriter } from './receiver-journal.ts';

export interface ReceiverSetup {
  readonly key: string;
  readonly cert: string;
  readonly addresses: readonly string[];
  readonly port: number;
}

export interface ReceiverRun {
  readonly seed: number;
  readonly journal: string;
  /** By path; what is not named answers 200. */
  readonly mixes: Readonly<Record<string, AnswerMix>>;
}

const { now } = systemClock;
const rawSockets = new Map<string, Socket>();
const times = new Map<string, number>();
let run: ReceiverRun = { seed: 0, journal: '', mixes: {} };
let journal: JournalWriter | undefined;
let seq = 0;

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/';
  const id = String(request.headers['postrider-dispatch-id'] ?? '');
  const n = (times.get(`${id} ${path}`) ?? 0) + 1;
  times.set(`${id} ${path}`, n);
  const answer = answerFor(run.mixes[path] ?? {}, { seed: run.seed, id, n });
  const arrived: ArrivedLine = {
    line: 'arrived',
    seq: ++seq,
    atMs: now(),
    address: request.socket.localAddress ?? '',
    path,
    id,
    n,
    answer: answer.kind,
    ...(answer.kind === 'status' ? { status: answer.status } : answer.kind === 'ok-then-reset' ? { status: 200 } : {}),
    ...(answer.kind === 'status' && answer.retryAfterS !== undefined ? { retryAfterS: answer.retryAfterS } : {}),
  };
  // A client that goes away in the middle is part of the run.
  request.on('error', () => {});
  response.on('error', () => {});
  if (answer.kind === 'reset-before-read') {
    await journal!.write(arrived);
    give(answer, request, response);
  } else {
    const body = createHash('sha256');
    for await (const chunk of request) body.update(chunk as Buffer);
    await journal!.write({ ...arrived, bodySha256: body.digest('hex') });
    if (answer.kind === 'hang') return;
    give(answer, request, response);
  }
  void journal!.write({ line: 'answered', seq: arrived.seq, atMs: now() });
}

function give(answer: Exclude<Answer, { kind: 'hang' }>, request: IncomingMessage, response: ServerResponse): void {
  const { localAddress, remotePort } = request.socket;
  const raw = rawSockets.get(`${localAddress} ${remotePort}`);
  switch (answer.kind) {
    case 'reset-before-read':
    case 'reset-after-read':
      raw?.resetAndDestroy();
      return;
    case 'ok-then-reset':
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('half', () => raw?.resetAndDestroy());
      return;
    case 'status':
      response.writeHead(
        answer.status,
        answer.retryAfterS === undefined ? {} : { 'retry-after': String(answer.retryAfterS) },
      );
      response.end();
  }
}

answerAsPeer({
  async listen({ key, cert, addresses, port }: ReceiverSetup) {
    for (const address of addresses) {
      const server: Server = createServer({ key, cert }, (request, response) => {
        // The only rejection is a request that was cut in the middle.
        handle(request, response).catch(() => response.destroy());
      });
      server.on('connection', (socket: Socket) => {
        const place = `${socket.localAddress} ${socket.remotePort}`;
        rawSockets.set(place, socket);
        socket.once('close', () => void (rawSockets.get(place) === socket && rawSockets.delete(place)));
      });
      server.on('tlsClientError', () => {}); // a client that is killed in its handshake
      server.listen({ host: address, port });
      await once(server, 'listening');
    }
  },
  /** Begins a run with a journal of its own. */
  async begin(wanted: ReceiverRun) {
    await journal?.close();
    run = wanted;
    times.clear();
    journal = await openJournal(wanted.journal);
  },
  /** Resolves when everything that came so far is in the journal. */
  async flush() {
    await journal?.close();
    journal = await openJournal(run.journal);
  },
});
