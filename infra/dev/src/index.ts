// The public surface of the dev stack.

export { containersUnavailable } from './containers.ts';
export { startStack } from './start-stack.ts';
export type { Stack, StackOptions } from './stack.ts';
export { kafkaVersions, type KafkaVersion } from './kafka-jars.ts';
export type { KafkaSecurity, SecureListeners } from './kafka-security.ts';
export { pickPorts } from './free-port.ts';
export { createLocalCa, type IssueOptions, type LocalCa, type ServerCertificate } from './local-ca.ts';
export { startReceiver, type ReceivedRequest, type Receiver, type ReceiverOptions } from './receiver.ts';
export type { Behaviour } from './receiver-behaviour.ts';
