// The places that processes run in. Whatever is started, killed and started again in a slot keeps its name towards Kafka and
// its address towards the receiver, so that a record and a request tell who wrote them.

import type { ServiceName } from '../support/postrider.ts';

export const slots = [
  'audit-projector',
  'retry-scheduler',
  'dispatch-1',
  'dispatch-2',
  'dispatch-3',
  'convergence',
] as const;

export type Slot = (typeof slots)[number];
export type DispatchSlot = Extract<Slot, `dispatch-${number}`>;

export const dispatchSlots: readonly DispatchSlot[] = ['dispatch-1', 'dispatch-2', 'dispatch-3'];

export function serviceOf(slot: Slot): ServiceName {
  return slot.startsWith('dispatch') ? 'dispatch' : (slot as ServiceName);
}

export function isDispatch(slot: string): slot is DispatchSlot {
  return slot.startsWith('dispatch-');
}

/** Where the receiver is reached from this slot: the address that a request came in by names its sender. */
export function receiverAddress(slot: DispatchSlot): string {
  return `127.0.0.${10 + Number(slot.slice('dispatch-'.length))}`;
}

/** The slot that an address belongs to. */
export function slotOfAddress(address: string): DispatchSlot | undefined {
  return dispatchSlots.find((slot) => receiverAddress(slot) === address);
}
