// What all seeds of one run share: brokers, the database server, and the receiver's process.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocalCa, pickPorts, startStack, type Stack } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { startPeer, type Peer } from '../bench/peer-process.ts';
import { testKafkaVersion } from '../support/kafka-version.ts';
import type { ReceiverSetup } from './receiver-process.ts';
import { dispatchSlots, receiverAddress } from './slots.ts';

export interface Ground {
  readonly stack: Stack;
  readonly stackFolder: string;
  /** Straight to the brokers: for who publishes and who checks. */
  readonly cluster: KafkaCluster;
  readonly receiver: Peer;
  readonly receiverPort: number;
  readonly caPem: string;
  close(): Promise<void>;
}

export const receiverHost = 'hooks.postrider.example';
export const chaosFolder = join(import.meta.dirname, '..', '..', '.postrider', 'chaos');

export async function startGround(brokers: 1 | 3, progress: (line: string) => void): Promise<Ground> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer().catch(() => undefined);
  };
  try {
    const stackFolder = join(chaosFolder, '..', `chaos-stack-${process.pid}`);
    await mkdir(chaosFolder, { recursive: true });
    closers.push(() => rm(stackFolder, { recursive: true, force: true }));
    // Servers that were given by the environment are not ours to kill.
    const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_POSTGRES_URL: _p, POSTRIDER_CONTAINERS: _c, ...env } = process.env;
    const stack = await startStack({
      dataDir: stackFolder,
      fresh: true,
      kafka: { brokers, ...testKafkaVersion() },
      // kill −9 of a process loses nothing that reached the operating system; only a power cut would need fsync.
      postgres: { fsync: false },
      env,
      progress,
    });
    closers.push(() => stack.stop());
    const cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'chaos' });
    closers.push(() => cluster.close());
    const ca = await createLocalCa();
    const receiver = startPeer(join(import.meta.dirname, 'receiver-process.ts'));
    closers.push(() => receiver.stop());
    const [receiverPort = 0] = await pickPorts(1);
    const setup: ReceiverSetup = {
      ...(await ca.issue({ names: [receiverHost] })),
      addresses: dispatchSlots.map(receiverAddress),
      port: receiverPort,
    };
    await receiver.ask('listen', setup).catch((error: unknown) => {
      const { message } = error as Error;
      if (!message.includes('EADDRNOTAVAIL')) throw error;
      const aliases = setup.addresses.map((address) => `sudo ifconfig lo0 alias ${address}`).join('; ');
      throw new Error(`this machine knows no loopback address but 127.0.0.1; on macOS: ${aliases}`, { cause: error });
    });
    return { stack, stackFolder, cluster, receiver, receiverPort, caPem: ca.caPem, close };
  } catch (error) {
    await close();
    throw error;
  }
}
