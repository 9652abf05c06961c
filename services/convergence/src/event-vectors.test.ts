import { readFileSync } from 'node:fs';
import type { RejectReason } from '@postrider/core/contracts';
import { EndpointIndex, type Endpoint } from '@postrider/core/domain';
import type { KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { decodeEvent, type PlainMapping } from './decode-event.ts';
import { planEvent } from './plan-event.ts';

/** Bytes as a line writes them; a lone text stands for its UTF-8. */
type Bytes =
  | null
  | string
  | { readonly text: string }
  | { readonly hex: string }
  | { readonly repeat: readonly [text: string, times: number] };

interface Accepted {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly project: string;
  readonly subject?: string;
  /** As JavaScript writes it. */
  readonly time?: string;
  readonly traceparent?: string;
  readonly correlation?: string;
  readonly deadline?: string;
  readonly callbackUrl?: true;
  /** `body`: the record's value, byte for byte. */
  readonly data: string;
}

interface Vector {
  readonly name: string;
  readonly why?: string;
  readonly headers: readonly (readonly [name: string, ...values: Bytes[]])[];
  readonly key?: Bytes;
  readonly value: Bytes;
  /** The record stands on a topic of plain JSON that is read by `mapping`. */
  readonly mapping?: true;
  readonly expect: { readonly rejected: string } | { readonly accepted: Accepted };
}

/** The closed list of what a record alone can be refused for; the compiler sees to it that it is whole. */
const reasons: Record<Exclude<RejectReason, `profile:${string}` | 'too-many-endpoints'>, true> = {
  empty: true,
  'too-large': true,
  'headers-too-large': true,
  'unknown-format': true,
  'unsupported-specversion': true,
  'invalid-utf8': true,
  'invalid-json': true,
  'too-deep': true,
  'missing-id': true,
  'missing-source': true,
  'missing-type': true,
  'missing-project': true,
  'missing-data': true,
  'invalid-id': true,
  'invalid-source': true,
  'invalid-type': true,
  'invalid-project': true,
  'invalid-subject': true,
  'invalid-time': true,
  'invalid-deadline': true,
  'invalid-correlation': true,
  'repeated-header': true,
  'wrong-environment': true,
  'unsupported-content-type': true,
  'registry-not-configured': true,
};

const environment = 'live';
const mapping: PlainMapping = {
  topic: 'live.mapped',
  id: '/meta/id',
  type: '/meta/type',
  project: '/tenant',
  subject: '/meta/subject',
  time: '/at',
  data: '/payload',
};

const vectors = readFileSync(new URL('../test-vectors/events.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map(
    (line) => JSON.parse(line.replaceAll('{environment}', environment).replaceAll('{topic}', mapping.topic)) as Vector,
  );

function bytesOf(given: Bytes): Buffer | null {
  if (given === null) return null;
  if (typeof given === 'string') return Buffer.from(given);
  if ('hex' in given) return Buffer.from(given.hex, 'hex');
  return 'text' in given ? Buffer.from(given.text) : Buffer.from(given.repeat[0].repeat(given.repeat[1]));
}

const recordOf = ({ headers, key = null, value, mapping: isMapped }: Vector): KafkaRecord => ({
  topic: isMapped ? mapping.topic : `${environment}.events`,
  partition: 0,
  offset: 1,
  timestamp: 1_800_000_000_000,
  key: bytesOf(key),
  value: bytesOf(value),
  headers: new Map(headers.map(([name, ...values]) => [name, values.map(bytesOf)])),
});

const context = { environment, mappings: new Map([[mapping.topic, mapping]]) };

const endpointOf = (projectId: string): Endpoint =>
  ({
    endpointId: 'ep-1',
    projectId,
    eventTypes: ['*'],
    status: { kind: 'enabled' },
    profile: 'plain',
    profileOptions: {},
  }) as unknown as Endpoint;

const isoOf = (ms: number | undefined): string | undefined => (ms === undefined ? ms : new Date(ms).toISOString());

/** What a line may say of the event, of the event itself. */
function factsOf(record: KafkaRecord): { rejected: string } | { accepted: Accepted } {
  const decision = decodeEvent(record, context);
  if (!decision.ok) return { rejected: decision.rejection.reason };
  const { event } = decision;
  const facts = {
    id: event.id,
    source: event.source,
    type: event.type,
    project: event.projectId,
    subject: event.subject,
    time: isoOf(event.timeMs),
    traceparent: event.traceparent,
    correlation: event.correlation,
    deadline: isoOf(event.deadlineMs),
    callbackUrl: event.hasCallbackUrl ? true : undefined,
    data: record.value!.equals(event.data) ? 'body' : Buffer.from(event.data).toString(),
  };
  return { accepted: Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)) as never };
}

/** What planning makes of a record in a project with one endpoint that takes everything as it comes. */
function plannedOf(record: KafkaRecord, { expect: wanted }: Vector): unknown {
  const endpoints = new EndpointIndex();
  if ('accepted' in wanted) endpoints.put(endpointOf(wanted.accepted.project));
  const plan = planEvent(record, { ...context, endpoints, nowMs: 1_900_000_000_000 });
  return plan.kind === 'accepted'
    ? plan.dispatches.map(({ body }) => Buffer.from(body).toString('latin1'))
    : `${plan.kind}: ${plan.audit.reason}`;
}

function planWanted(record: KafkaRecord, { expect: wanted }: Vector): unknown {
  if ('rejected' in wanted) return `rejected: ${wanted.rejected}`;
  const { callbackUrl, data } = wanted.accepted;
  if (callbackUrl) return 'unmatched: callback-url';
  return [(data === 'body' ? record.value! : Buffer.from(data)).toString('latin1')];
}

describe('every line of events.ndjson', () => {
  it.each(vectors)('$name', (vector) => {
    const record = recordOf(vector);
    expect(factsOf(record)).toEqual(vector.expect);

    expect(plannedOf(record, vector)).toEqual(planWanted(record, vector));
  });
});

describe('the lines themselves', () => {
  it('have names of their own', () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
  });

  it('are of different events where they are accepted: a copy would not be delivered', () => {
    const ids = vectors.flatMap(({ expect }) => ('accepted' in expect ? [expect.accepted.id] : []));
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  it('give each reason that is not a profile’s', () => {
    const given = new Set(vectors.flatMap(({ expect }) => ('rejected' in expect ? [expect.rejected] : [])));
    expect([...given].sort()).toEqual(Object.keys(reasons).sort());
  });
});
