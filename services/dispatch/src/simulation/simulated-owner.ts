// For tests only: what an owner of a simulated partition has in hand.

import type { Exchange, OffsetTracker } from '@postrider/core/domain';
import type { AppendRecord } from '@postrider/kafka';
import type { Dispatcher } from '../dispatcher.ts';
import type { PartitionState } from '../partition-state.ts';

/** An append that was sent and not acknowledged. */
export interface OnTheWire {
  readonly record: AppendRecord;
  resolve(at: { offset: number }): void;
}

export interface Request {
  readonly attemptId: string;
  readonly isCall: boolean;
  answer(exchange: Exchange): void;
}

export interface Owner {
  readonly dispatcher: Dispatcher;
  readonly state: PartitionState;
  readonly tracker: OffsetTracker;
  readonly wire: OnTheWire[];
  readonly requests: Request[];
  next: number;
  isCurrent: boolean;
}
