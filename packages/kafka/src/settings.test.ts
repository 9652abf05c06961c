import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { checkSettings, driverConfig } from './settings.ts';

test.each(['127.0.0.1:9092', 'kafka-1.example:9092', '[::1]:9092', '[2001:DB8::1]:65535'])(
  '%s is a broker',
  (broker) => {
    expect(() => checkSettings({ brokers: [broker], clientId: 'c' })).not.toThrow();
  },
);

test.each(['kafka', '::1:9092', '[::1]', '[kafka]:9092', 'a b:9092', 'kafka:port'])('%s is none', (broker) => {
  expect(() => checkSettings({ brokers: [broker], clientId: 'c' })).toThrow('is not host:port');
});

test('an IPv6 address passes through the driver, which takes a broker apart at its colons', async () => {
  const brokers = ['[::1]:1', '127.0.0.1:1'];
  const sockets = { open: new Set<Socket>(), dropped: false };
  const config = driverConfig({ brokers, clientId: 'c' }, brokers, sockets);
  const called: string[] = [];
  for (const broker of config.brokers as string[]) {
    const [host = '', port = '', ...more] = broker.split(':');
    expect(more).toEqual([]);
    const socket = config.socketFactory?.({ host, port: Number(port), onConnect: () => undefined } as never) as Socket;
    // Nobody listens at this port; the error names whom it tried.
    const [error] = (await once(socket, 'error').catch((failed: unknown) => [failed])) as [{ address?: string }];
    called.push(error.address ?? '');
  }
  expect(called).toEqual(['::1', '127.0.0.1']);
});
