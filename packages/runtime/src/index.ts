// What a process needs around its services: configuration, time, start and stop, health, metrics, logs, secrets.

export { loopBusyShare } from './busy-share.ts';
export {
  systemClock,
  systemRandom,
  systemTimers,
  sleep,
  type CancelTimer,
  type Clock,
  type Random,
  type Timers,
} from './clock.ts';
export { makeCheckpointKey, readCheckpointKey, type CheckpointKey } from './checkpoint-key.ts';
export { commonChecks, commonRows, type CommonConfig } from './common-rows.ts';
export { collectProgress, produceHooks, type ProgressSource } from './consumer-metrics.ts';
export { configDocs, describeConfig, formatProblems, type DescribedValue } from './config-docs.ts';
export { defineRows, envNameOf, mergeRows, type ConfigOf, type Row, type Rows } from './config-rows.ts';
export { type ConfigProblem } from './config-sources.ts';
export { durationMs } from './config-values.ts';
export { every } from './every.ts';
export { didYouMean } from './did-you-mean.ts';
export { formatDuration, parseDuration } from './durations.ts';
export { type HealthAddress } from './health-server.ts';
export { loadConfig, type ConfigOrigin, type ConfigResult, type ConfigSources } from './load-config.ts';
export { createLogger, type LogFields, type Logger, type LoggerOptions, type LogLevel } from './logger.ts';
export { statusClass, type MetricRow, type ServiceName, type StatusClass } from './metric-catalogue.ts';
export {
  createMetrics,
  type BoundCounter,
  type BoundGauge,
  type BoundHistogram,
  type Metrics,
  type MetricsOptions,
} from './metrics.ts';
export { systemHost, type FatalKind, type ProcessHost, type StopSignal } from './process-host.ts';
export { lostRanges, type LostRange, type LostRanges } from './lost-ranges.ts';
export { recentTrouble, type RecentTrouble } from './recent-trouble.ts';
export { runProcess, type RunningProcess, type RunOptions, type StartResult } from './run-process.ts';
export { RuntimeError, type RuntimeErrorCode } from './runtime-error.ts';
export {
  rewrapSecret,
  wrapSecret,
  type KeyFailure,
  type KeyProvider,
  type KeyResult,
  type Wrapping,
} from './key-provider.ts';
export { openKeyring, readKeyring, type KeyringSettings } from './keyring.ts';
export { addKek, type KekAdded } from './keyring-file.ts';
export { secretAsk, type WrappedAsk } from './opened-secrets.ts';
export { wrappedSecretBytesMax } from './limits.ts';
export { sealedPart, type SecretPlace } from './secret-envelope.ts';
export {
  createSecretSource,
  type SecretAsk,
  type SecretProblem,
  type SecretProblemCode,
  type SecretResult,
  type SecretSource,
  type SecretSourceOptions,
} from './secret-source.ts';
export {
  type ProcessReadiness,
  type ProcessState,
  type Readiness,
  type Service,
  type StartContext,
  type StopContext,
} from './service.ts';
