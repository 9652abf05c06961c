// Rule R6 with bounded memory: what the log says of late attempts before what the window remembers word for word. The archive of
// the window says where to look; what lies before the archive is read once, and is in the archive from then on.

import { SettledArchive, stretchOf, type AttemptId, type SettledConsequence } from '@postrider/core/domain';
import type { AttemptsEntry, AttemptsReader } from './attempts-reader.ts';
import { archivedMax, archivedStretch, extendStepMs } from './limits.ts';
import type { PartitionState } from './partition-state.ts';
import { isOwn, settlementOf } from './restore.ts';

export interface LookBack {
  /** Records that were read. */
  readonly records: number;
  /** What stands of the attempts that were asked for: the first of each. */
  readonly found: ReadonlyMap<AttemptId, SettledConsequence>;
  /** Offset up to which that is all: the window's cover when this was known. */
  readonly seenTo: number;
}

/**
 * Reads what there is of these attempts before the window's own cover, as it stands when this resolves, back to a moment.
 *
 * @param neededMs epoch ms on the broker's clock
 */
export async function lookBack(
  state: PartitionState,
  { attemptIds, neededMs }: { readonly attemptIds: ReadonlySet<AttemptId>; readonly neededMs: number },
  reader: AttemptsReader,
): Promise<LookBack> {
  const { window, partition } = state;
  const found = new Map<AttemptId, SettledConsequence>();
  let records = 0;
  const take = (entry: AttemptsEntry): void => {
    records++;
    const settlement = settlementOf(entry);
    if (settlement && attemptIds.has(settlement.attemptId) && !found.has(settlement.attemptId))
      found.set(settlement.attemptId, settlement.consequence);
  };
  // Before anything is read: what the archive knows now it may have given up by then.
  let places = window.archive.placesOf(attemptIds);
  let seenTo = window.cover.offset;
  if (neededMs < window.reach.fromMs) await extend(state, neededMs, reader, take);
  for (;;) {
    // A stretch may be older than what retention has left; that the rest of it is gone is no loss to be told of.
    const start = places.length > 0 ? await reader.offsetAt(partition, 0) : 0;
    for (const { from, to } of places)
      if (to > start) await reader.read(partition, { from: Math.max(from, start), to }, take);
    if (window.cover.offset === seenTo) break;
    // The window has turned: what it knew when this began is in the archive now, or was even given up by it.
    const { offset: reach } = window.reach;
    places = window.archive.placesOf(attemptIds, seenTo);
    if (reach > seenTo) places.unshift({ from: seenTo, to: reach });
    seenTo = window.cover.offset;
  }
  const missing = [...attemptIds].filter((id) => !found.has(id) && window.archive.placesOf([id]).length > 0);
  // Another attempt with the same fingerprint, or an append whose end was heard of long after it was made.
  if (missing.length > 0) await reader.read(partition, { from: 0, to: window.cover.offset }, take);
  return { records, found, seenTo };
}

/** Reads what the archive does not reach back to, and somewhat more, so that the next late record does not cost a reading of its own. */
async function extend(
  state: PartitionState,
  neededMs: number,
  reader: AttemptsReader,
  take: (entry: AttemptsEntry) => void,
): Promise<void> {
  const { window, partition } = state;
  const fromMs = Math.max(0, neededMs - extendStepMs);
  const { offset: to } = window.reach;
  const from = Math.min(to, await reader.offsetAt(partition, fromMs));
  const read = new SettledArchive(archivedMax);
  let cover = { fromMs, offset: from };
  let settled: AttemptId[] = [];
  const started = new Set<AttemptId>();
  if (from < to) {
    await reader.read(partition, { from, to }, (entry) => {
      take(entry);
      const { record } = entry;
      const settlement = settlementOf(entry);
      if (record.type === 'AttemptStarted' && !isOwn(state, record)) started.add(record.attemptId);
      if (!settlement) return;
      started.delete(settlement.attemptId);
      if (settled.length === archivedStretch) {
        read.push(stretchOf(cover, entry.offset, settled));
        // Past this millisecond: several are settled within one.
        cover = { fromMs: entry.timestampMs + 1, offset: entry.offset };
        settled = [];
      }
      settled.push(settlement.attemptId);
    });
  }
  read.push(stretchOf(cover, to, settled));
  window.extend(read, to);
  for (const attemptId of started)
    if (window.archive.placesOf([attemptId]).length === 0) window.restoreStarted(attemptId);
}
