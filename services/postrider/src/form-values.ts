// Values as people write them in the endpoints file: durations with days, ranges of HTTP status, moments.

import { parseDuration } from '@postrider/runtime';

const dayMs = 24 * 60 * 60_000;

/** Milliseconds of `20s`, `1h30m`, `7d`, `1d12h`; undefined when it is none. Days stand first. */
export function formDuration(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const match = /^(\d{1,5})d(.*)$/.exec(text.trim());
  if (!match) return parseDuration(text);
  const rest = match[2] === '' ? 0 : parseDuration(match[2] ?? '');
  return rest === undefined ? undefined : Number(match[1]) * dayMs + rest;
}

/** An inclusive range of HTTP status: `304`, `"304"`, `"200-299"`; undefined when it is none. */
export function statusRange(value: unknown): readonly [number, number] | undefined {
  const match = /^(\d{3})(?:\s*-\s*(\d{3}))?$/.exec(String(value).trim());
  if (!match || (typeof value !== 'string' && typeof value !== 'number')) return undefined;
  const from = Number(match[1]);
  return [from, match[2] === undefined ? from : Number(match[2])];
}

/** Epoch ms of an ISO 8601 date or time with offset; undefined when it is none. */
export function momentMs(value: unknown): number | undefined {
  if (
    typeof value !== 'string' ||
    !/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(value)
  )
    return undefined;
  const ms = Date.parse(value);
  return Number.isFinite(ms) ? ms : undefined;
}
