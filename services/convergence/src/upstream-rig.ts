// For tests only: upstream records in each of the three envelopes, good ones of which a test changes one thing.

import type { UpstreamEvent } from '@postrider/core/contracts';
import type { KafkaRecord } from '@postrider/kafka';
import { decodeEvent, type DecodeContext } from './decode-event.ts';
import type { EventDecision } from './event-fields.ts';

export type HeaderInput = Buffer | string | null | readonly (Buffer | string | null)[];

export interface Input {
  readonly topic?: string;
  readonly key?: Buffer | null;
  readonly value?: Buffer | string | null;
  readonly headers?: Readonly<Record<string, HeaderInput>>;
}

export const bytesOf = (value: Buffer | string | null): Buffer | null =>
  typeof value === 'string' ? Buffer.from(value) : value;

export function record({ topic = 'live.events', key = null, value = '{"a":1}', headers = {} }: Input): KafkaRecord {
  return {
    topic,
    partition: 0,
    offset: 1,
    timestamp: 1_800_000_000_000,
    key,
    value: bytesOf(value),
    headers: new Map(
      Object.entries(headers).map(([name, given]) => [
        name,
        (Array.isArray(given) ? given : [given as Buffer | string | null]).map((one: Buffer | string | null) =>
          bytesOf(one),
        ),
      ]),
    ),
  };
}

export const context: DecodeContext = {
  environment: 'live',
  mappings: new Map([
    [
      'legacy',
      {
        topic: 'legacy',
        id: '/meta/id',
        type: '/meta/type',
        project: '/tenant',
        subject: '/meta/subject',
        time: '/at',
      },
    ],
    ['inner', { topic: 'inner', id: '/id', type: '/type', project: '/project', data: '/payload' }],
    ['list', { topic: 'list', id: '/0', type: '/1', project: '/a~1b~0c/x', data: '' }],
  ]),
};

export const decode = (input: Input): EventDecision => decodeEvent(record(input), context);

/** Headers of a good binary event; undefined takes one out. */
export function ce(over: Readonly<Record<string, HeaderInput | undefined>> = {}): Record<string, HeaderInput> {
  const all: Record<string, HeaderInput | undefined> = {
    ce_specversion: '1.0',
    ce_id: 'evt-1',
    ce_source: '/checks',
    ce_type: 'check.done',
    ce_project: 'acme',
    ...over,
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, HeaderInput] => entry[1] !== undefined),
  );
}
export const binary = (
  over: Readonly<Record<string, HeaderInput | undefined>> = {},
  value: Input['value'] = '{"a":1}',
): Input => ({
  value,
  headers: ce(over),
});

/** A structured event: the text of each member as it stands in the envelope; undefined takes one out. */
export function structured(over: Readonly<Record<string, string | undefined>> = {}): Input {
  const all: Record<string, string | undefined> = {
    specversion: '"1.0"',
    id: '"evt-1"',
    source: '"/checks"',
    type: '"check.done"',
    project: '"acme"',
    data: '{"a":1}',
    ...over,
  };
  const members = Object.entries(all).flatMap(([name, text]) => (text === undefined ? [] : [`"${name}": ${text}`]));
  return { value: `{ ${members.join(', ')} }`, headers: { 'content-type': 'application/cloudevents+json' } };
}
export const legacy = (value: string, topic = 'legacy'): Input => ({ topic, value });

export function accepted(input: Input): UpstreamEvent {
  const decision = decode(input);
  if (!decision.ok) throw new Error(`refused: ${decision.rejection.reason}, ${decision.rejection.detail}`);
  return decision.event;
}
export const dataOf = (input: Input): string => Buffer.from(accepted(input).data).toString('utf8');
