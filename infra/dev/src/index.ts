// The public surface of the dev stack.

export { containersUnavailable } from './containers.ts';
export { createDatabase } from './postgres-admin.ts';
export { startStack } from './start-stack.ts';
export { StackError, type StackErrorCode } from './stack-error.ts';
export type { KafkaOptions, PostgresOptions, Stack, StackOptions, StackSource } from './stack.ts';
export type { KafkaProfile } from './kafka-cluster.ts';
export type { KafkaVersion } from './kafka-jars.ts';
export type { BrokerProperties } from './kafka-properties.ts';
export type { Progress } from './progress.ts';
export { pickPorts } from './free-port.ts';
export {
  createLocalCa,
  createSelfSigned,
  type IssueOptions,
  type LocalCa,
  type ServerCertificate,
} from './local-ca.ts';
export { startReceiver, type ReceivedRequest, type Receiver, type ReceiverOptions } from './receiver.ts';
export type { Behaviour } from './receiver-behaviour.ts';
