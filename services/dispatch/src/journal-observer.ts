// For tests only: an observer that tells nobody, and one that writes a line of a journal for each thing that it is told.

import type { DispatchObserver } from './dispatch-observer.ts';

export const silentObserver: DispatchObserver = {
  attempted: () => undefined,
  adopted: () => undefined,
  extended: () => undefined,
  deferred: () => undefined,
  breakerMoved: () => undefined,
  secretMissing: () => undefined,
  disabled: () => undefined,
  ended: () => undefined,
  dropped: () => undefined,
};

export function journalObserver(journal: string[]): DispatchObserver {
  return {
    attempted: (_work, record) => journal.push(`attempted ${record.disposition.kind}`),
    deferred: (_work, reason) => journal.push(`deferred ${reason}`),
    breakerMoved: ({ endpoint, to }) => journal.push(`breaker ${endpoint.endpointId} ${to}`),
    secretMissing: ({ endpointId }, { code }) => journal.push(`secret ${code} ${endpointId}`),
    disabled: ({ endpointId, version }) => journal.push(`disabled ${endpointId} version ${version}`),
    ended: (reason) => journal.push(`ended ${reason}`),
    dropped: (reason) => journal.push(`dropped ${reason}`),
    adopted: ({ attemptId }) => journal.push(`adopted ${attemptId}`),
    extended: (_partition, records) => journal.push(`extended by ${records}`),
  };
}
