// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in one of the three forms a recipient must accept.

import { retryAfterSecondsMax } from './limits.ts';

const imfFixdate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const rfc850Date = /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const asctimeDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** Milliseconds to wait from `nowMs`, never negative; undefined when the value is neither form. */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text), retryAfterSecondsMax) * 1_000;
  const atMs = parseHttpDate(text);
  return atMs === undefined ? undefined : Math.max(0, atMs - nowMs);
}

function parseHttpDate(text: string): number | undefined {
  let atMs = Number.NaN;
  if (imfFixdate.test(text) || rfc850Date.test(text)) atMs = Date.parse(text);
  // asctime carries no zone and means UTC.
  else if (asctimeDate.test(text)) atMs = Date.parse(`${text} GMT`);
  return Number.isNaN(atMs) ? undefined : atMs;
}
