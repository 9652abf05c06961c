import { EndpointIndex } from '@postrider/core/domain';
import { expect, it } from 'vitest';
import { planEvent } from './plan-event.ts';
import { isTraceOf } from './repeat-event.ts';
import type { EventTrace } from './traces.ts';
import { binary, context as decoding, legacy, record, type Input } from './upstream-rig.ts';

const tracedMs = 1_800_000_000_000;
const context = { ...decoding, endpoints: new EndpointIndex(), nowMs: tracedMs };
const before = { timestamp: tracedMs - 50 };
/** Beyond what clocks may differ. */
const after = { timestamp: tracedMs + 600_000 };
const other = { ce_id: 'evt-2' };
const plain = (id: string): Input => legacy(`{"meta":{"id":"${id}","type":"t"},"tenant":"acme"}`);

const traceOf = (input: Input): EventTrace => planEvent(record(input), context).audit;

it.each([
  ['of the same event', binary(), binary(), before, true],
  // Upstream's clock may be anywhere, and its topic may have been filled again: the ids decide.
  ['of the same event with a time to come', binary(), binary(), after, true],
  ['of an event that was written there later', binary(), binary(other), after, false],
  ['of an event that was there before, and copied back with its old time', binary(), binary(other), before, false],
  ['of a record that its mapping reads otherwise by now', plain('1'), plain('2'), before, true],
  ['of a younger record that a mapping reads', plain('1'), plain('2'), after, false],
  ['of a record that is read no more', binary(), binary({}, null), before, true],
  ['of a younger record that is no event', binary(), binary({}, null), after, false],
  ['of a refused record', binary({}, null), binary({}, null), before, true],
  ['of a refused record, where an event stands by now', binary({}, null), binary(), after, false],
])('a trace %s', (_what, traced, input, over, expected) => {
  expect(isTraceOf(traceOf(traced), { ...record(input), ...over }, context)).toBe(expected);
});
