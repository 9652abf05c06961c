import { describe, expect, it } from 'vitest';
import { counted, momentText, shown, tableText } from './table-text.ts';

describe('text for a terminal', () => {
  it('aligns columns by what is seen, colours aside', () => {
    expect(
      tableText(
        ['A', 'B'],
        [
          ['\u001b[31mred\u001b[39m', 'x'],
          ['longer', 'y'],
        ],
      ),
    ).toBe('A       B\n\u001b[31mred\u001b[39m     x\nlonger  y');
  });

  it('lets nothing from outside steer the terminal', () => {
    expect(shown('a\u001b[31m\nb\u009b')).toBe('a\ufffd[31m\ufffdb\ufffd');
    expect(shown(null)).toBe('');
  });

  it('writes moments in UTC to the millisecond, and nothing for none', () => {
    expect(momentText(Date.UTC(2026, 0, 31, 12, 0, 0, 5))).toBe('2026-01-31 12:00:00.005');
    expect(momentText(null)).toBe('');
    expect(momentText(Number.NaN)).toBe('');
  });

  it('counts', () => {
    expect([counted(1, 'dispatch', 'dispatches'), counted(2, 'dispatch', 'dispatches'), counted(0, 'event')]).toEqual([
      '1 dispatch',
      '2 dispatches',
      '0 events',
    ]);
  });
});
