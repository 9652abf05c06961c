// Free TCP ports on loopback, away from the ranges that outgoing connections are given.

import { createServer } from 'node:net';

import { PORT_FIRST, PORT_LAST, PORT_TRIES } from './limits.ts';
import { StackError } from './stack-error.ts';

/** True when 127.0.0.1:port can be listened on now. */
async function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * `count` different free ports; `preferred` ones are kept where they are still free (a kept stack keeps its ports).
 *
 * @throws {StackError} `no-free-port`
 */
export async function pickPorts(
  count: number,
  options: { preferred?: readonly number[]; random?: () => number } = {},
): Promise<number[]> {
  const random = options.random ?? Math.random;
  const chosen: number[] = [];
  for (const port of options.preferred ?? []) {
    if (chosen.length < count && !chosen.includes(port) && (await isPortFree(port))) chosen.push(port);
  }
  for (let tries = 0; chosen.length < count && tries < PORT_TRIES; tries += 1) {
    const port = PORT_FIRST + Math.floor(random() * (PORT_LAST - PORT_FIRST));
    if (!chosen.includes(port) && (await isPortFree(port))) chosen.push(port);
  }
  if (chosen.length < count) {
    throw new StackError(
      'no-free-port',
      `No free port on 127.0.0.1 between ${PORT_FIRST} and ${PORT_LAST}: end what listens there.`,
    );
  }
  return chosen;
}
