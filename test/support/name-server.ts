// A name server on loopback that gives one kind of answer: what a resolver meets when DNS is broken.

import { createSocket } from 'node:dgram';

export type NameServerAnswer = 'nxdomain' | 'servfail' | 'silence' | { readonly a: string; readonly aaaa?: 'silence' };

const responseFlags = { nxdomain: 0x8183, servfail: 0x8182, found: 0x8180 } as const;

export interface NameServer {
  /** As `Resolver.setServers` takes it. */
  readonly address: string;
  close(): Promise<void>;
}

export async function startNameServer(answer: NameServerAnswer): Promise<NameServer> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    if (answer === 'silence' || (typeof answer === 'object' && answer.aaaa === 'silence' && !wantsA(query))) return;
    socket.send(reply(query, answer), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function wantsA(query: Buffer): boolean {
  return query.readUInt16BE(query.indexOf(0, 12) + 1) === 1;
}

/** Header and question come back as they were; an A question gets its one record. */
function reply(query: Buffer, answer: Exclude<NameServerAnswer, 'silence'>): Buffer {
  const questionEnd = query.indexOf(0, 12) + 5;
  const head = Buffer.from(query.subarray(0, questionEnd));
  const found = typeof answer === 'object' && wantsA(query);
  head.writeUInt16BE(typeof answer === 'object' ? responseFlags.found : responseFlags[answer], 2);
  head.writeUInt16BE(found ? 1 : 0, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  if (!found) return head;
  // Name by pointer to the question, type A, class IN, 60 s, 4 bytes.
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...answer.a.split('.').map(Number)]);
  return Buffer.concat([head, record]);
}
