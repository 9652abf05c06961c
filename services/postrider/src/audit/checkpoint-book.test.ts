// A line of checkpoints with all that a fail-over does to it is sound; one in which somebody signed another chain, or from which
// one was taken, is not.

import { generateKeyPairSync } from 'node:crypto';
import {
  checkpointDigest,
  encodeCheckpoint,
  sha256Hex,
  signCheckpoint,
  type AuditCheckpoint,
} from '@postrider/core/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointBook } from './checkpoint-book.ts';

const key = generateKeyPairSync('ed25519');
const place = { environment: 'live', topic: 'live.attempts', partition: 0 };

/** Of the chain that everybody sees; another branch has other hashes. Two offsets of ten hold no record. */
const headAt = (offset: number, branch = 'true'): { offset: number; rows: number; head: string } => {
  const rows = offset - 2 * Math.floor(offset / 10) - (offset % 10 > 8 ? (offset % 10) - 8 : 0);
  return { offset, rows, head: sha256Hex(Buffer.from(`${branch} ${rows}`)) };
};

const signed = (at: ReturnType<typeof headAt>, previous: AuditCheckpoint | undefined): AuditCheckpoint =>
  signCheckpoint(
    {
      ...place,
      ...at,
      previous: previous === undefined ? null : checkpointDigest(previous),
      at: '2030-05-02T12:00:00.000Z',
    },
    key.privateKey,
  );

function problemsOf(checkpoints: readonly AuditCheckpoint[]): { kind: string; offset: number | null }[] {
  const book = new CheckpointBook('live', [key.publicKey]);
  for (const [index, checkpoint] of checkpoints.entries()) book.take(encodeCheckpoint(checkpoint), `line ${index + 1}`);
  return book.problems().map(({ kind, offset }) => ({ kind, offset }));
}

/** What projectors do: read the log to its end, sign what the tables come to upon what they know, and be late with writing it. */
const action = fc.record({
  who: fc.nat(1),
  what: fc.constantFrom('take over', 'see the tables', 'sign', 'write', 'write'),
  further: fc.integer({ min: 1, max: 12 }),
});

function lineOf(actions: readonly { who: number; what: string; further: number }[]): AuditCheckpoint[] {
  const log: AuditCheckpoint[] = [];
  const projectors = [0, 1].map(() => ({
    last: undefined as AuditCheckpoint | undefined,
    seen: 0,
    unwritten: undefined as AuditCheckpoint | undefined,
  }));
  let offset = 0;
  for (const { who, what, further } of actions) {
    const projector = projectors[who]!;
    if (what === 'take over') projector.last = log.at(-1);
    else if (what === 'see the tables') {
      offset += further;
      projector.seen = offset;
    } else if (what === 'sign' && projector.unwritten === undefined) {
      // It never signs less than it knows to be signed: the tables it reads are not older than what it read of the log.
      if (projector.seen < (projector.last?.offset ?? 1)) continue;
      if (headAt(projector.seen).head === projector.last?.head) continue;
      projector.unwritten = signed(headAt(projector.seen), projector.last);
    } else if (what === 'write' && projector.unwritten !== undefined) {
      log.push(projector.unwritten);
      projector.last = projector.unwritten;
      projector.unwritten = undefined;
    }
  }
  return log;
}

describe('a line of checkpoints', () => {
  it('is sound when the process that lost the partition signs once more, however late it is written', () => {
    const first = signed(headAt(10), undefined);
    const next = signed(headAt(40), first);
    const late = signed(headAt(25), first);
    expect(problemsOf([first, next, late, signed(headAt(60), next)])).toEqual([]);
  });

  it('is sound when two sign the first of all', () => {
    const other = signed(headAt(12), undefined);
    expect(problemsOf([signed(headAt(10), undefined), other, signed(headAt(30), other)])).toEqual([]);
  });

  it('is sound whatever two projectors do that take over from each other', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        expect(problemsOf(lineOf(actions))).toEqual([]);
      }),
    );
  });

  it('is not, with a branch of another chain that was signed with the same key', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 60 }), fc.nat(), (actions, which) => {
        const line = lineOf(actions);
        const copied = line[which % Math.max(1, line.length)];
        fc.pre(copied !== undefined);
        const base = line.find(({ offset }) => offset < copied.offset);
        const forged = signed(headAt(copied.offset, 'forged'), base);
        expect(problemsOf([...line, forged])).toContainEqual({
          kind: 'checkpoint-contradicted',
          offset: copied.offset,
        });
      }),
    );
  });

  it('is not, with a branch that goes on from one of its own and says other rows', () => {
    const first = signed(headAt(10), undefined);
    const next = signed(headAt(40), first);
    const forged = signed({ ...headAt(30, 'forged'), rows: 39 }, first);
    expect(problemsOf([first, next, forged])).toEqual([{ kind: 'checkpoint-contradicted', offset: 30 }]);
  });

  it('is not, when one was taken out upon which another follows', () => {
    const first = signed(headAt(10), undefined);
    const next = signed(headAt(40), first);
    expect(problemsOf([first, signed(headAt(60), next)])).toEqual([{ kind: 'checkpoint-missing', offset: 10 }]);
  });

  it('is not, when one goes back behind the one that it follows', () => {
    const first = signed(headAt(10), undefined);
    expect(problemsOf([first, signed(headAt(5), first)])).toEqual([{ kind: 'checkpoint-contradicted', offset: 5 }]);
  });
});
