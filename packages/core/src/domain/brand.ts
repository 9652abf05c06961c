// Branded identifiers: plain strings at run time, distinct types at compile time, so that an
// endpoint id is never passed where a dispatch id is expected.

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Id of an upstream event, unique within its source (CloudEvents `id`). */
export type EventId = Brand<string, 'EventId'>;
/** Id of a customer's endpoint, unique within an environment. */
export type EndpointId = Brand<string, 'EndpointId'>;
/** Id of the project (tenant) that an event and an endpoint belong to. */
export type ProjectId = Brand<string, 'ProjectId'>;
/** `dsp_` + base32: one event for one endpoint; the same on every attempt, round and republish. */
export type DispatchId = Brand<string, 'DispatchId'>;
/** `<dispatchId>.<round>.<attempt>`: what a settled outcome is unique for. */
export type AttemptId = Brand<string, 'AttemptId'>;
/** `<topic>/<partition>/<offset>` of the upstream record. */
export type Origin = Brand<string, 'Origin'>;
