/**
 * The part of kafkajs that this package stands on: its broker connections and wire protocol, typed as used here.
 *
 * kafkajs' own producer and consumer are not used. Their loops hold most of the hazards that are known of it (a send that resolves
 * without some of its records, pauses forgotten at a rebalance, heartbeats only between batches, a silent jump on an out-of-range
 * offset); the connection layer below them does not. It is reached in the one public way there is: every partition assigner is
 * given the consumer's cluster.
 */
import kafkajs from 'kafkajs';
import type { Broker, Cluster } from 'kafkajs';
import { METADATA_MAX_AGE_MS } from './limits.ts';
import { driverConfig } from './settings.ts';
import type { KafkaSettings, SocketSet } from './settings.ts';

export interface FetchedPartition {
  partition: number;
  highWatermark: string;
  lastStableOffset?: string;
  abortedTransactions?: { producerId: string; firstOffset: string }[];
  /** The bytes of its record batches (by our patch); an array for nothing, or for records in a format before v2. */
  messages: { batches: Buffer } | unknown[];
}

export interface ProducedPartition {
  partition: number;
  baseOffset: string;
}

export interface JoinedGroup {
  generationId: number;
  groupProtocol: string;
  leaderId: string;
  memberId: string;
  members: { memberId: string; memberMetadata: Buffer }[];
}

export interface CommittedPartition {
  partition: number;
  offset: string;
  metadata: string | null;
}

/** A broker with the requests that kafkajs' typings leave out. */
export interface DriverBroker extends Pick<Broker, 'isConnected'> {
  fetch(request: {
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    isolationLevel: number;
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
  }): Promise<{ responses: { topicName: string; partitions: FetchedPartition[] }[] }>;
  produce(request: {
    acks: number;
    timeout: number;
    /** By our patch a partition's batch is what this gives. */
    topicData: { topic: string; partitions: { partition: number; batch: (nowMs: number) => Promise<Buffer> }[] }[];
  }): Promise<{ topics: { topicName: string; partitions: ProducedPartition[] }[] }>;
  joinGroup(request: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    memberId: string;
    groupProtocols: { name: string; metadata: Buffer }[];
  }): Promise<JoinedGroup>;
  syncGroup(request: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: { topic: string; partitions: { partition: number; offset: string; metadata: string }[] }[];
  }): Promise<unknown>;
  offsetFetch(request: {
    groupId: string;
    topics: { topic: string; partitions: { partition: number }[] }[];
  }): Promise<{ responses: { topic: string; partitions: CommittedPartition[] }[] }>;
}

export interface DriverCluster extends Omit<Cluster, 'findBroker' | 'findGroupCoordinator'> {
  findBroker(node: { nodeId: string | number }): Promise<DriverBroker>;
  findGroupCoordinator(group: { groupId: string }): Promise<DriverBroker>;
  /** What its metadata is read for. */
  targetTopics: Set<string>;
  brokerPool: { metadata: { topicMetadata: { topic: string; topicErrorCode: number }[] } | null };
}

/** kafkajs' wire value: aborted transactions of upstream producers are never seen. */
export const READ_COMMITTED = 1;

/** Wire timestamps of ListOffsets that mean "log start" and "log end". */
export const EARLIEST = -2;
export const LATEST = -1;

/** A new, unconnected set of connections. `brokers` is the order in which they are tried. */
export function newDriverCluster(settings: KafkaSettings, brokers: string[], sockets: SocketSet): DriverCluster {
  let cluster: Cluster | undefined;
  new kafkajs.Kafka(driverConfig(settings, brokers, sockets)).consumer({
    groupId: 'unused', // nothing of the driver's consumer is ever run
    allowAutoTopicCreation: false,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    partitionAssigners: [
      (context) => {
        cluster = context.cluster;
        return {
          name: 'unused',
          version: 0,
          assign: async () => [],
          protocol: () => ({ name: 'unused', metadata: Buffer.alloc(0) }),
        };
      },
    ],
  });
  if (cluster === undefined)
    throw new Error('kafkajs did not hand its cluster to the assigner: not the pinned version?');
  return cluster as unknown as DriverCluster;
}
