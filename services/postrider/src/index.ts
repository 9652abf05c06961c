// What the demonstration and tests use of the command line in-process.

export { applyEndpoints } from './apply-endpoints.ts';
export { runCli } from './cli.ts';
export { openKafka } from './composition.ts';
export { loadSettings } from './settings.ts';
export { applyTopics } from './topics.ts';
export { egressOf } from './egress.ts';
export { CheckpointBook } from './audit/checkpoint-book.ts';
export { checkCompleteness } from './audit/completeness.ts';
export { readCheckpointTopic } from './audit/read-checkpoints.ts';
export { verifyAudit, type AuditVerdict } from './audit/verify-audit.ts';
export { dropClassDay, planClassDays, type ClassRetentionPorts } from './audit/retain-class.ts';
export { dropDay, planDays, type RetentionPorts } from './audit/retain.ts';
