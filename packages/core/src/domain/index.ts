// The pure core: decisions as functions of their arguments. Imports nothing, not even node:.

export type { AttemptId, DispatchId, EndpointId, EventId, Origin, ProjectId } from './brand.ts';
export {
  breakerAfter,
  breakerAfterDeferral,
  breakerDefaults,
  breakerPolicyOf,
  breakerState,
  openForMs,
  type Breaker,
  type BreakerEvidence,
  type BreakerPolicy,
  type BreakerSetting,
} from './circuit-breaker.ts';
export { attemptIdOf, settleableFromMs, type Dispatch } from './dispatch.ts';
export { DueHeap, type Due } from './due-heap.ts';
export { EffectMarks } from './effect-marks.ts';
export type { Endpoint, EndpointStatus, HttpMethod, SecretReference } from './endpoint.ts';
export { GoneVersions, type GoneMark } from './gone-versions.ts';
export { EndpointIndex } from './matching.ts';
export { OffsetTracker, type TrackedOffset } from './offset-tracker.ts';
export {
  breakerEffect,
  judge,
  outcomeText,
  type AttemptStatus,
  type BreakerEffect,
  type Exchange,
  type FailureKind,
  type Outcome,
  type OutcomeKind,
} from './outcome.ts';
export { planAttempt, type AttemptPlan, type EndpointView, type PlanInput, type PutOff } from './plan-attempt.ts';
export { parkDelayMs, type DeadReason, type DeferReason, type DropReason } from './reasons.ts';
export { nextReturnSlot, returnStepMs } from './return-slots.ts';
export { delayAfter, namedPolicies, type RetryPolicy, type RetryPolicyName } from './retry-policy.ts';
export { settleAttempt, settleCall, type Disposition, type Settlement, type SettleInput } from './settle-attempt.ts';
export { SettledArchive, stretchOf, type Cover, type LogRange, type Stretch } from './settled-archive.ts';
export { SettledWindow, type SettledConsequence, type WindowLimits } from './settled-window.ts';
export { TokenBucket } from './token-bucket.ts';
export { tierFor, type Tier, type Tiers, type TierStay } from './tiers.ts';
