// How far clocks are apart. Retries are due on the broker's time and signatures carry ours, so both must be about right. Pure.

import { formatDuration } from '@postrider/runtime';
import { clockProblemMs, clockWarningMs } from '../limits.ts';
import { findingsOf, type Finding } from './finding.ts';

const { ok, warning, problem } = findingsOf('clock');
const mend = 'synchronise the clocks of all machines (NTP or chrony)';

/** Another clock, read while ours went from `askedMs` to `answeredMs` (epoch ms). */
export interface ClockReading {
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly theirsMs: number;
}

/** The offset is known to half the time that the answer took; only what is certain is complained of. */
export function judgeClock(subject: string, { askedMs, answeredMs, theirsMs }: ClockReading): Finding {
  const doubtMs = (answeredMs - askedMs) / 2;
  const offsetMs = theirsMs - (askedMs + answeredMs) / 2;
  const certainMs = Math.max(0, Math.abs(offsetMs) - doubtMs);
  const what = `${Math.round(Math.abs(offsetMs))} ms ${offsetMs < 0 ? 'behind' : 'ahead of'} this machine (± ${Math.ceil(doubtMs)} ms)`;
  if (certainMs >= clockProblemMs) return problem({ subject, what, mend });
  return certainMs >= clockWarningMs ? warning({ subject, what, mend }) : ok({ subject, what });
}

/** What the newest record of the broker's own time shows without writing: a record of the future. Nothing shows the reverse. */
export function judgeNewestRecord(subject: string, newestMs: number | undefined, nowMs: number): Finding {
  const aheadMs = (newestMs ?? 0) - nowMs;
  if (aheadMs < clockWarningMs) {
    return ok({ subject, what: 'no record is of a later time than here; `--probe` measures it' });
  }
  const what = `has records ${formatDuration(Math.round(aheadMs))} ahead of this machine's clock, at least`;
  return aheadMs >= clockProblemMs ? problem({ subject, what, mend }) : warning({ subject, what, mend });
}
