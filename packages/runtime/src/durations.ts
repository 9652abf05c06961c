// Durations as people write them: `250ms`, `5s`, `1h30m`. The same words stand in configuration, in retry topic names
// and in the command line, so parsing and formatting are inverses.

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const whole = /^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/;
const part = /(\d+(?:\.\d+)?)(ms|h|m|s)/g;

/**
 * Milliseconds of a text such as `250ms`, `5s`, `1h30m`, `1.5s` or `0`; undefined when it is none.
 * Units stand from large to small, each at most once; a bare number other than 0 has no unit and is refused.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (!whole.test(trimmed)) return undefined;
  let totalMs = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const [, amount, unit] of trimmed.matchAll(part)) {
    const size = unitMs[unit ?? ''] ?? 0;
    if (size >= smallest) return undefined;
    smallest = size;
    totalMs += Number(amount) * size;
  }
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : undefined;
}

/**
 * The shortest text that parses to the same milliseconds: `90000` → `1m30s`, `86400000` → `24h`, `0` → `0s`.
 * Fractions of a millisecond are rounded; a negative duration has a leading `-` (for showing only).
 */
export function formatDuration(durationMs: number): string {
  let rest = Math.round(Math.abs(durationMs));
  if (rest === 0) return '0s';
  let text = durationMs < 0 ? '-' : '';
  for (const [unit, size] of Object.entries(unitMs)) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text;
}
