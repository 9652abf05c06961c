import { describe, expect, test } from 'vitest';
import { MemberLease } from './lease.ts';

function leaseAt(): { lease: MemberLease; clock: { now: number }; doubts: () => number } {
  const clock = { now: 1_000 };
  let doubts = 0;
  const lease = new MemberLease({ sessionTimeoutMs: 8_000, now: () => clock.now, onDoubt: () => (doubts += 1) });
  return { lease, clock, doubts: () => doubts };
}

describe('the lease of a group member', () => {
  test('holds for a session timeout from when the answered request was sent', () => {
    const { lease, clock, doubts } = leaseAt();
    expect(lease.holds()).toBe(false);
    lease.renew(1_000);
    clock.now = 9_000;
    expect(lease.holds()).toBe(true);
    clock.now = 9_001;
    expect(lease.holds()).toBe(false);
    expect(doubts()).toBe(2);
  });

  test('whoever asked in vain is told when the coordinator has answered again', async () => {
    const { lease, clock } = leaseAt();
    lease.renew(1_000);
    clock.now = 60_000;
    let told = false;
    const heard = lease.heard().then(() => (told = true));
    lease.renew(50_000); // an answer to what was sent too long ago proves nothing
    await Promise.resolve();
    expect(told).toBe(false);
    lease.renew(59_990);
    await heard;
    expect(lease.holds()).toBe(true);
  });

  test('ends at once when the coordinator does not know the member', () => {
    const { lease } = leaseAt();
    lease.renew(1_000);
    lease.end();
    expect(lease.holds()).toBe(false);
  });

  test('nobody waits for a group that was left', async () => {
    const { lease } = leaseAt();
    const heard = lease.heard();
    lease.close();
    await heard;
    expect(lease.holds()).toBe(false);
  });
});
