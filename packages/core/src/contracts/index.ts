// Every record on every topic: names, ids, headers, encode and decode.

export {
  chainRun,
  chainStart,
  chainStep,
  type ChainedRecord,
  type ChainPlace,
  type ChainStep,
  type StoredLink,
} from './audit-chain.ts';
export {
  checkpointDigest,
  checkpointKeyId,
  decodeCheckpoint,
  encodeCheckpoint,
  introducedKey,
  introduceKey,
  signCheckpoint,
  verifyCheckpoint,
  type AuditCheckpoint,
  type CheckpointKeyIntroduced,
  type CheckpointRecord,
  type CheckpointStatement,
} from './audit-checkpoint.ts';
export {
  decodeAudit,
  encodeAudit,
  identityOf,
  replyHeader,
  responseHeader,
  timestamp,
  type AttemptSettled,
  type AttemptStarted,
  type AttemptsRecord,
  type AuditRecord,
  type AuditRecordType,
  type AuditTopicRecord,
  type ClassClosed,
  type DispatchDeferred,
  type DispatchEnded,
  type EndpointChanged,
  type EndpointDisabled,
  type EventAccepted,
  type EventRejected,
  type EventUnmatched,
  type Owner,
  type PartitionClosed,
  type PartitionReleased,
  type RangeLost,
  type ReplayFinished,
  type ReplayRequested,
  type SecretRotated,
} from './audit-record.ts';
export { breakerAfterRecord } from './breaker-record.ts';
export { deadLetterHeaders, type DeadLetterCause } from './dead-letter.ts';
export {
  decodeDispatch,
  dispatchHeaders,
  type Decoded,
  type HeaderReader,
  type RecordHeaders,
} from './dispatch-record.ts';
export { checkEndpoint, encodeEndpoint, maskUrl } from './endpoint-record.ts';
export { EndpointTable, type EndpointChange } from './endpoint-table.ts';
export type { RejectReason, UnmatchedReason, UpstreamEvent } from './event.ts';
export { givenBackFrom, placed, tierPlace, tierPlaceHeader, unplaced } from './given-back.ts';
export { decodeGone, goneMarkOf, goneRecord } from './gone-record.ts';
export { dispatchIdOf, originOf, parseAttemptId, sha256Hex } from './ids.ts';
export { jsonDepthMax, nestsDeeperThan } from './json-depth.ts';
export { partitionOf } from './partition.ts';
export { topicNames, topicTable, type TopicNames, type TopicSettings, type TopicSpec } from './topics.ts';
export { stubDigestNext, stubDigestStart, type Stub, type StubClosing } from './stub-digest.ts';
export { decodeReply, encodeReply, replyPlace, type ReplyOutcome, type ReplyRecord } from './reply-record.ts';
