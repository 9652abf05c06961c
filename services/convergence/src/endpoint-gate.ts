// May convergence start with this endpoint table? An empty one, or one that knows less than half of the endpoints that were
// live at the last commit, is a broken table until shown otherwise: waiting loses nothing, "nobody subscribed" would.
// The commit counts live ones only: tombstones are compacted away after a day, and a table must not seem to shrink by that.

export interface TableSize {
  /** Endpoints and tombstones read. */
  readonly known: number;
  readonly live: number;
}

const marker = /\bendpoints=(\d{1,9})\b/;

/** What a commit carries, so that the next owner knows how many endpoints there were. */
export function tableMark(size: TableSize): string {
  return `endpoints=${size.live}`;
}

/** The size that a commit's metadata tells of; undefined when it tells none. */
export function readTableMark(metadata: string): number | undefined {
  const match = marker.exec(metadata);
  return match ? Number(match[1]) : undefined;
}

/** Undefined when the table may be used, else the reason why not. */
export function tableProblem(size: TableSize, lastKnown: number | undefined): string | undefined {
  if (size.known === 0) return 'the endpoint table is empty: publish endpoints with `postrider endpoints apply <file>`';
  if (lastKnown !== undefined && size.known * 2 < lastKnown) {
    return `the endpoint table knows ${size.known} endpoints, less than half of the ${lastKnown} at the last commit: apply the endpoints again`;
  }
  return undefined;
}
