import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assigned, rig, settle, topic, type Rig } from './acked-rig.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

describe('a rebalance', () => {
  it('tells what was lost before what is assigned', () => {
    const { group, events } = rig();
    group.assign([0, 1]);
    group.assign([1, 2], { added: [assigned(2)], lost: [0] });
    expect(events).toEqual(['assigned 0,1 in 1', 'lost 0', 'assigned 1,2 in 2']);
  });

  it('makes acknowledgements of a lost partition count for nothing', async () => {
    const { group, consumer, ack, owned } = rig();
    group.assign([0]);
    group.deliver(0, [1]);
    expect(owned.get('0/1')?.owned()).toBe(true);
    group.assign([], { added: [], lost: [0] });
    expect(owned.get('0/1')?.owned()).toBe(false);
    ack(1);
    await consumer.commit();
    expect([group.commits, group.calls, consumer.progress()]).toEqual([[], [], []]);
  });

  it('does not read on in a partition that came back, because of an old acknowledgement', () => {
    const { group, acks } = rig({ windowRecords: 1 });
    group.assign([0]);
    group.deliver(0, [1]);
    const stale = acks.get('0/1')!;
    group.assign([0], { added: [assigned(0)], lost: [0] });
    group.deliver(0, [1]);
    stale();
    expect(group.calls).toEqual([`pause ${topic}/0`, `pause ${topic}/0`]);
  });

  it('begins anew with a partition that was lost and came back', async () => {
    const { group, consumer, acks, ack, owned } = rig();
    group.assign([0]);
    group.deliver(0, [1, 2]);
    const stale = [acks.get('0/1')!, acks.get('0/2')!];
    const before = owned.get('0/1');
    group.assign([0], { added: [assigned(0, { committed: { offset: 1, metadata: '' } })], lost: [0] });
    group.deliver(0, [1, 2]);
    for (const old of stale) old();
    await consumer.commit();
    expect(group.commits).toEqual([]);
    ack(1);
    await consumer.commit();
    expect(group.committed()).toEqual([2]);
    expect([before?.owned(), owned.get('0/1')?.owned()]).toEqual([false, true]);
  });

  it('keeps work, window and pause of a partition that is kept', async () => {
    const { group, consumer, ack, owned } = rig({ windowRecords: 2 });
    group.assign([0]);
    group.deliver(0, [1, 2]);
    group.assign([0, 1], { added: [assigned(1)] });
    expect(owned.get('0/1')?.owned()).toBe(true);
    ack(1);
    ack(2);
    await consumer.commit();
    expect([group.committed(), group.calls]).toEqual([[3], [`pause ${topic}/0`, `resume ${topic}/0`]]);
  });

  it('quiesces first and commits what was acknowledged meanwhile', async () => {
    const order: string[] = [];
    const r: Rig = rig({
      quiesce: async (reason) => {
        order.push(`quiesce ${reason}`);
        await settle();
        r.ack(1);
      },
    });
    r.group.onCommit = () => Promise.resolve(void order.push('commit'));
    r.group.assign([0]);
    r.group.deliver(0, [1]);
    await r.group.revoke('rebalance');
    expect(order).toEqual(['quiesce rebalance', 'commit']);
    expect(r.group.committed()).toEqual([2]);
  });

  it('commits nothing once the group is lost', async () => {
    const { group, ack } = rig();
    group.assign([0]);
    group.deliver(0, [1]);
    ack(1);
    await group.revoke('lost');
    expect(group.commits).toEqual([]);
  });

  it('ignores records of a partition that it does not own', () => {
    const { group, acks } = rig();
    group.assign([0]);
    group.deliver(7, [1]);
    expect(acks.size).toBe(0);
  });
});
