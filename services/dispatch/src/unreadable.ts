// A record on `dispatches` that is no dispatch (a foreign writer, a layout from the future): its raw bytes go to the dead
// letter queue, and the log says so under whatever ids could be read.

import { deadLetterHeaders, originOf, timestamp, type DispatchEnded, type Owner } from '@postrider/core/contracts';
import type { DispatchId, EndpointId, EventId, Origin, ProjectId } from '@postrider/core/domain';
import { headerText, type AppendRecord, type KafkaRecord } from '@postrider/kafka';
import type { Routes } from './consequences.ts';

// oxlint-disable-next-line no-control-regex -- they are taken out: the database stores no zero character
const unfit = /[\u0000-\u001f\u007f-\u009f]/g;

/** The end record and the dead letter of an unreadable record. */
export function unreadable(
  record: KafkaRecord,
  problem: string,
  owner: Owner,
  { topics, group }: Routes,
  nowMs: number,
): { readonly ended: DispatchEnded; readonly letter: AppendRecord } {
  const place = originOf(record);
  const fit = (value: string): string => value.slice(0, 256).toWellFormed().replaceAll(unfit, '\ufffd');
  const text = (name: string): string | undefined => {
    const value = headerText(record.headers, name);
    return value === undefined ? undefined : fit(value);
  };
  const count = (name: string, otherwise: number): number => {
    const value = Number(text(name) ?? otherwise);
    return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
  };
  const dispatch = (text('pr-dispatch') ?? place) as DispatchId;
  const round = count('pr-round', 0);
  const attempt = count('pr-attempt', 1);
  // As they came, bytes and repetitions included: reading them as text is what may have gone wrong.
  const { 'pr-wake': _wake, 'pr-delay': _delay, ...own } = Object.fromEntries(record.headers);
  return {
    ended: {
      type: 'DispatchEnded',
      dispatch,
      round,
      attempt,
      attemptId: `${dispatch}.${round}.${attempt}` as DispatchEnded['attemptId'],
      endpoint: (text('pr-endpoint') ?? fit(record.key?.toString('utf8') ?? '')) as EndpointId,
      project: (text('pr-project') ?? '') as ProjectId,
      event: (text('pr-event-id') ?? '') as EventId,
      eventType: text('pr-event-type') ?? '',
      subject: text('pr-subject'),
      origin: (text('pr-origin') ?? place) as Origin,
      at: timestamp(nowMs),
      disposition: { kind: 'dead', reason: 'undecodable' },
      detail: problem.slice(0, 500).toWellFormed(),
      owner,
    },
    letter: {
      topic: topics.dlq,
      partition: record.partition,
      key: record.key,
      value: record.value,
      headers: {
        ...own,
        ...deadLetterHeaders(
          {},
          {
            reason: 'undecodable',
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            group,
            attempts: 0,
            message: problem,
          },
        ),
      },
    },
  };
}
