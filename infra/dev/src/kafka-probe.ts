// Does a broker answer? One Metadata request, written by hand, so that this package needs no Kafka client.

import { connect } from 'node:net';

import { PROBE_TIMEOUT_MS } from './limits.ts';

const METADATA_API = 3;
/** Version 5: known to every Kafka from 1.0 to 4.x. */
const METADATA_VERSION = 5;

/**
 * The number of live brokers that the broker at 127.0.0.1:port knows of.
 *
 * @returns undefined when it does not answer (yet)
 */
export async function countBrokers(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const timer = setTimeout(() => finish(undefined), PROBE_TIMEOUT_MS);
    let received = Buffer.alloc(0);
    const finish = (answer: number | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      // Size (4), correlation id (4), throttle time (4), then the length of the broker array.
      if (received.length >= 16) finish(received.readInt32BE(12));
    });
  });
}

function metadataRequest(): Buffer {
  const client = Buffer.from('postrider-dev');
  const body = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length + 4 + 1);
  let at = body.writeInt32BE(body.length - 4, 0);
  at = body.writeInt16BE(METADATA_API, at);
  at = body.writeInt16BE(METADATA_VERSION, at);
  at = body.writeInt32BE(1, at); // correlation id
  at = body.writeInt16BE(client.length, at);
  at += client.copy(body, at);
  at = body.writeInt32BE(0, at); // no topics: brokers only
  body.writeInt8(0, at); // create nothing
  return body;
}
