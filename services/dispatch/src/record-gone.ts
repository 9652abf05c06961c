// An endpoint answered 410: the log says so among what was settled, and `<env>.gone` for as long as that version stands, since no owner
// reads the whole log back (decision 0046). Both before the offset may be committed.

import { goneRecord } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { disabledRecord } from './attempt-records.ts';
import { goneMark } from './endpoint-views.ts';
import type { SettlerDeps } from './settler.ts';
import type { Work } from './work.ts';

export async function recordGone(
  { log, emit, routes, now }: Pick<SettlerDeps, 'log' | 'emit' | 'routes' | 'now'>,
  work: Work,
  endpoint: Endpoint,
  startedAtMs: number,
): Promise<void> {
  await log.append(work.state, endpoint.endpointId, disabledRecord(work, endpoint, now()));
  await emit(goneRecord(goneMark(endpoint, startedAtMs), routes.topics));
}
