// One line for everything that the audit log tells: what a person watches while the demonstration runs.

import type { AuditRecord } from '@postrider/core/contracts';

const clock = (iso: string): string => iso.slice(11, 23);
const pad = (text: string, width: number): string => text.padEnd(width);

/** A line for a record, or undefined for records that say nothing new to a watcher. Pure. */
export function liveLine(record: AuditRecord): string | undefined {
  switch (record.type) {
    case 'EventAccepted':
      return `${clock(record.at)}  ${pad(record.eventType, 28)} ${pad(record.event, 18)} accepted for ${record.dispatches.length} endpoint${record.dispatches.length === 1 ? '' : 's'}`;
    case 'EventUnmatched':
      return `${clock(record.at)}  ${pad(record.eventType, 28)} ${pad(record.event, 18)} nobody subscribed to it`;
    case 'EventRejected':
      return `${clock(record.at)}  ${pad(record.origin, 28)} ${pad(record.event ?? '–', 18)} rejected: ${record.reason}${record.detail ? ` (${record.detail})` : ''}`;
    case 'AttemptSettled': {
      const answer = record.httpStatus === undefined ? record.outcome : String(record.httpStatus);
      const { disposition } = record;
      const finishedMs = Date.parse(record.startedAt) + record.durationMs;
      const result =
        disposition.kind === 'delivered'
          ? 'delivered'
          : disposition.kind === 'retry'
            ? `retry in ${(Math.max(0, disposition.dueMs - finishedMs) / 1000).toFixed(1)} s`
            : `dead letter: ${disposition.reason}`;
      return `${clock(record.startedAt)}  ${pad(record.eventType, 28)} ${pad(record.event, 18)} → ${pad(record.endpoint, 9)} attempt ${record.attempt}  ${pad(answer, 8)} ${String(Math.round(record.durationMs)).padStart(5)} ms  ${result}`;
    }
    case 'DispatchEnded':
      return `${clock(record.at)}  ${pad(record.eventType, 28)} ${pad(record.event, 18)} → ${pad(record.endpoint, 9)} ${record.disposition.kind === 'dead' ? 'dead letter' : 'suppressed'}: ${record.disposition.reason}`;
    case 'DispatchDeferred':
      return `${clock(record.at)}  ${pad(record.eventType, 28)} ${pad(record.event, 18)} → ${pad(record.endpoint, 9)} put off: ${record.reason}`;
    case 'EndpointDisabled':
      return `${clock(record.at)}  endpoint ${record.endpoint} is disabled: it answered 410 Gone`;
    case 'ReplayRequested':
      return `${clock(record.at)}  replay ${record.replay} of ${record.planned} by ${record.actor}: ${record.reason}`;
    case 'SecretRotated':
      // Those that came with the endpoint are no news.
      if (record.endpointVersion === 1) return undefined;
      return `${clock(record.at)}  endpoint ${record.endpoint}: secrets ${record.change} by ${record.actor}`;
    case 'RangeLost':
      return `${clock(record.at)}  ${record.topic}/${record.partition}: offsets ${record.from} to ${record.to - 1} were deleted before they were read`;
    case 'AttemptStarted':
    case 'ReplayFinished':
    case 'EndpointChanged':
    case 'PartitionClosed':
    case 'ClassClosed':
    case 'PartitionReleased':
      return undefined;
  }
}
