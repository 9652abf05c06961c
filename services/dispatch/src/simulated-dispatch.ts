// For tests only: the dispatch of the n-th event of a simulated run, as convergence makes it.

import type { Dispatch } from '@postrider/core/domain';

export function simulatedDispatch(n: number, nowMs: number): Dispatch {
  return {
    dispatchId: `dsp_${'abc'[n]}`.padEnd(30, 'a') as Dispatch['dispatchId'],
    round: 0,
    attempt: 1,
    endpointId: 'a' as Dispatch['endpointId'],
    projectId: 'acme' as Dispatch['projectId'],
    eventId: `evt-${n}` as Dispatch['eventId'],
    eventType: 'check.done',
    eventTimeMs: undefined,
    subject: undefined,
    createdMs: nowMs,
    roundStartedMs: nowMs,
    dueMs: nowMs,
    hop: 0,
    park: 0,
    origin: `live.events/0/${n}` as Dispatch['origin'],
    deadlineMs: undefined,
    correlation: undefined,
    mustEnd: undefined,
    replay: undefined,
    traceparent: undefined,
    body: Buffer.from('{}'),
  };
}
