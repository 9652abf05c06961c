// What a caller asks of a stack and what it gets: the whole surface of this package, as types.

import type { PostgresBinaries } from './postgres-binaries.ts';
import type { KafkaProfile } from './kafka-cluster.ts';
import type { KafkaVersion } from './kafka-jars.ts';
import type { BrokerProperties } from './kafka-properties.ts';
import type { KafkaSecurity, SecureListeners } from './kafka-security.ts';
import type { Progress } from './progress.ts';

/** Where a server comes from. */
export type StackSource = 'environment' | 'containers' | 'embedded';

export type StackOptions = {
  /** Folder of all data and logs of this stack. Default `.postrider/stack` in the clone. */
  dataDir?: string;
  /** Start empty, and throw the data away at the end. Default false: data and ports are kept. */
  fresh?: boolean;
  /** Default: one broker of the current version. `false`: none. */
  kafka?: false | KafkaOptions;
  /** `false`: none. */
  postgres?: false | PostgresOptions;
  /** Receives one line for each step that takes time. Default: silence. */
  progress?: Progress;
  /** Default `process.env`. */
  env?: NodeJS.ProcessEnv;
};

export type KafkaOptions = {
  /** Default 1. */
  brokers?: 1 | 3;
  /** Heap of one broker in MB. Default 256, for the profile `bench` 1024. */
  heapMb?: number;
  /** Default `4.3.1`. */
  version?: KafkaVersion;
  /** Default `test`. */
  profile?: KafkaProfile;
  /** Listeners with TLS and passwords beside the plain one. Embedded, one broker only. */
  security?: KafkaSecurity;
  /** Broker properties that win over ours. */
  properties?: BrokerProperties;
};

export type PostgresOptions = {
  /** Default true. Tests that restart no machine may switch it off. */
  fsync?: boolean;
  /** Folder with `bin`, `lib` and `share`, and the version. Default: the binaries of the npm package. */
  binaries?: PostgresBinaries;
};

export type Stack = {
  /** @throws {StackError} `not-ours` when the stack was started without Kafka */
  readonly kafka: {
    /** `host:port` of each broker, in order of node ids. */
    readonly brokers: string[];
    /** Undefined when the brokers were given by environment: nobody told us. */
    readonly version: string | undefined;
    readonly source: StackSource;
    /** With `security` in the options. */
    readonly secure?: SecureListeners;
  };
  /** @throws {StackError} `not-ours` when the stack was started without PostgreSQL */
  readonly postgres: {
    /** Of a user that may create databases; names the database `postgres`. */
    readonly url: string;
    readonly source: StackSource;
  };
  /** Creates an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** Stops everything that was started; a second call does nothing. */
  stop(): Promise<void>;

  // For fault tests. All throw StackError `not-ours` unless the server is an embedded one.

  /** kill −9 of all brokers, or of the one with this node id (1-based). */
  killKafka(nodeId?: number): Promise<void>;
  /** A clean stop of all brokers. */
  stopKafka(): Promise<void>;
  /** Starts killed or stopped brokers again, on the same ports and data. */
  restartKafka(nodeId?: number): Promise<void>;
  /** A fast, clean stop, or kill −9. */
  stopPostgres(how?: 'stop' | 'kill'): Promise<void>;
  /** Starts PostgreSQL again, on the same port and data. */
  startPostgres(): Promise<void>;
};
