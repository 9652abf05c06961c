// What the nemesis can do, as data: a plan is a list of these.

import type { DispatchSlot, Slot } from './slots.ts';

export type Fault = { readonly atMs: number } & FaultKind;

export type FaultKind =
  /** kill −9; started again after a while. */
  | { readonly kind: 'kill'; readonly slot: Slot; readonly downMs: number }
  /** Killed, started, and killed again as soon as the new process has sent a request: within one commit interval. */
  | { readonly kind: 'kill-twice'; readonly slot: DispatchSlot }
  /** SIGSTOP, SIGCONT after a while: a zombie when that is longer than its session. */
  | { readonly kind: 'pause'; readonly slot: Slot; readonly forMs: number }
  /** SIGTERM and started again at once, one after the other. */
  | { readonly kind: 'rolling-restart'; readonly slots: readonly Slot[] }
  /** One more member for a while. */
  | { readonly kind: 'join-and-leave'; readonly slot: DispatchSlot; readonly forMs: number }
  /** Away for many times its longest tier. */
  | { readonly kind: 'scheduler-away'; readonly forMs: number }
  | { readonly kind: 'kill-broker'; readonly node: number; readonly downMs: number }
  | { readonly kind: 'pause-broker'; readonly node: number; readonly forMs: number }
  /** Between one process and the brokers. */
  | { readonly kind: 'network'; readonly slot: Slot; readonly how: NetworkFault; readonly forMs: number }
  /** Answers to produces of one process are lost: the records stand in the log, and it does not know. */
  | {
      readonly kind: 'produce-answers';
      readonly slot: Slot;
      readonly how: 'drop' | 'hold' | 'reset';
      readonly nth: readonly number[];
      readonly forMs: number;
    }
  /**
   * What a process has sent to the log is held on its way, the process stopped until its partitions are someone else's, and only
   * then does it arrive: a zombie's append.
   */
  | { readonly kind: 'late-append'; readonly slot: DispatchSlot; readonly afterTakeoverMs: number }
  /** Records of `dispatches` stand there a second time, as of a producer whose acknowledgement was lost. */
  | { readonly kind: 'copies'; readonly of: 'newest' | 'old'; readonly count: number }
  /** Many events at once: queues are long when the next fault comes. */
  | { readonly kind: 'burst'; readonly events: number }
  | { readonly kind: 'postgres'; readonly how: 'kill' | 'pause' | 'down' | 'disk-full'; readonly forMs: number }
  /** The text beside committed offsets is lost or spoiled while the group is down. */
  | {
      readonly kind: 'wipe-metadata';
      readonly group: 'dispatch' | 'retry-scheduler';
      readonly to: 'nothing' | 'nonsense';
    }
  | { readonly kind: 'edit'; readonly endpoint: string; readonly change: EndpointEdit; readonly forMs: number };

export type NetworkFault = 'reset' | 'down' | 'hold' | 'half-open' | 'slow' | 'slices';

/** `pause` is undone after `forMs`, `move` changes the URL, the others stay. */
export type EndpointEdit = 'pause' | 'move' | 'disable' | 'delete';

/** One line for a person. */
export function describeFault({ atMs, kind, ...rest }: Fault): string {
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : value}`,
  );
  return `${(atMs / 1_000).toFixed(1).padStart(5)} s  ${kind}  ${details.join(' ')}`;
}
