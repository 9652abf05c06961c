// A record on `dispatches` that is no dispatch (a foreign writer, a layout from the future): its raw bytes go to the dead
// letter queue, and the log says so under whatever ids could be read.

import { deadLetterHeaders, originOf, timestamp, type DispatchEnded, type Owner, type RecordHeaders } from '@postrider/core/contracts';
import type { DispatchId, EndpointId, EventId, Origin, ProjectId } from '@postrider/core/domain';
import { headerText, type AppendRecord, type KafkaRecord } from '@postrider/kafka';
import type { Routes } from './consequences.ts';

/** The end record and the dead letter of an unreadable record. */
export function unreadable(
  record: KafkaRecord,
  problem: string,
  owner: Owner,
  { topics, group }: Routes,
  nowMs: number,
): { readonly ended: DispatchEnded; readonly letter: AppendRecord } {
  const place = originOf(record);
  const text = (name: string): string | undefined => headerText(record.headers, name)?.slice(0, 256);
  const count = (name: string, otherwise: number): number => {
    const value = Number(text(name) ?? otherwise);
    return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
  };
  const dispatch = (text('pr-dispatch') ?? place) as DispatchId;
  const round = count('pr-round', 0);
  const attempt = count('pr-attempt', 1);
  const own: RecordHeaders = {};
  for (const name of record.headers.keys()) {
    const value = headerText(record.headers, name);
    if (value !== undefined) own[name] = value;
  }
  return {
    ended: {
      type: 'DispatchEnded',
      dispatch,
      round,
      attempt,
      attemptId: `${dispatch}.${round}.${attempt}` as DispatchEnded['attemptId'],
      endpoint: (text('pr-endpoint') ?? record.key?.toString('utf8').slice(0, 128) ?? '') as EndpointId,
      project: (text('pr-project') ?? '') as ProjectId,
      event: (text('pr-event-id') ?? '') as EventId,
      eventType: text('pr-event-type') ?? '',
      subject: text('pr-subject'),
      origin: (text('pr-origin') ?? place) as Origin,
      at: timestamp(nowMs),
      disposition: { kind: 'dead', reason: 'undecodable' },
      detail: problem.slice(0, 500),
      owner,
    },
    letter: {
      topic: topics.dlq,
      partition: record.partition,
      key: record.key,
      value: record.value,
      headers: deadLetterHeaders(own, {
        reason: 'undecodable',
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        group,
        attempts: 0,
        message: problem,
      }),
    },
  };
}
