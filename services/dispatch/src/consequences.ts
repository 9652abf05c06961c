// What a settled, deferred or ended dispatch leads to, as records to append. Pure. The partition is the number of the
// record that was consumed, never a fresh hash; the body and the ids are copied, never made again.

import { deadLetterHeaders, dispatchHeaders, type DeadLetterCause, type TopicNames } from '@postrider/core/contracts';
import { tierFor, type Disposition, type Dispatch, type Tiers } from '@postrider/core/domain';
import type { AppendRecord } from '@postrider/kafka';

export interface Routes {
  readonly topics: TopicNames;
  readonly tiers: Tiers;
  readonly group: string;
  /** N of the topic of answers. */
  readonly partitions: number;
}

/** Where the dispatch was read: its consequences stay in that partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** For whoever looks at a dead letter. */
export interface EndCause {
  /** One line. */
  readonly message: string;
  /** HTTP attempts made in the round. */
  readonly attempts: number;
}

/** The record that carries a disposition on; undefined when nothing follows. */
export function consequenceOf(
  dispatch: Dispatch,
  disposition: Disposition,
  cause: EndCause,
  place: Place,
  nowMs: number,
  routes: Routes,
): AppendRecord | undefined {
  switch (disposition.kind) {
    case 'delivered':
    case 'suppressed':
      return undefined;
    case 'retry':
      return tierRecord(
        { ...dispatch, attempt: disposition.attempt, dueMs: disposition.dueMs, hop: 0, park: 0, parkedMs: undefined },
        place,
        nowMs,
        routes,
      );
    case 'dead':
      return deadLetter(dispatch, { reason: disposition.reason, ...cause }, place, routes);
  }
}

/** A dispatch on its way to wait until it is due. */
export function tierRecord(dispatch: Dispatch, place: Place, nowMs: number, { topics, tiers }: Routes): AppendRecord {
  const delayMs = Math.max(0, dispatch.dueMs - nowMs);
  const { tier, stayMs } = tierFor(tiers, delayMs);
  return {
    topic: topics.retry(tier),
    partition: place.partition,
    key: dispatch.endpointId,
    value: bytes(dispatch.body),
    headers: dispatchHeaders(dispatch, { wakeMs: nowMs + stayMs, delayMs }),
  };
}

/** A dispatch that ended, for an operator to look at and replay. */
function deadLetter(
  dispatch: Dispatch,
  cause: Pick<DeadLetterCause, 'reason' | 'attempts' | 'message'>,
  place: Place,
  { topics, group }: Routes,
): AppendRecord {
  return {
    topic: topics.dlq,
    partition: place.partition,
    key: dispatch.endpointId,
    value: bytes(dispatch.body),
    headers: deadLetterHeaders(dispatchHeaders(dispatch), { ...cause, ...place, group }),
  };
}

function bytes(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
