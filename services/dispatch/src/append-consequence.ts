// Appends what follows from a settlement. A foreign record may be larger than our topics take with our headers on it; it keeps
// its place in the dead letter queue without its value, and without what else is large of it where that is not enough: a process
// that cannot get past it would help nobody.

import { KafkaError, type Appender, type AppendRecord } from '@postrider/kafka';
import { truncatedHeaderBytesMax, truncatedHeadersBytesMax } from './limits.ts';

/** @throws KafkaError but for `record-too-large`, which is met */
export async function appendConsequence(appender: Pick<Appender, 'append'>, record: AppendRecord): Promise<void> {
  if (!(await fits(appender, record))) {
    const headers = headersOf(record);
    const mark = { 'pr-truncated': 'true' };
    if (!(await fits(appender, { ...record, value: null, headers: { ...headers, ...mark } })))
      await appender.append({ ...record, key: smallKey(record), value: null, headers: { ...small(headers), ...mark } });
  }
}

async function fits(appender: Pick<Appender, 'append'>, record: AppendRecord): Promise<boolean> {
  try {
    await appender.append(record);
    return true;
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'record-too-large') return false;
    throw error;
  }
}

type PlainHeaders = Exclude<NonNullable<AppendRecord['headers']>, ReadonlyMap<string, unknown>>;

function headersOf({ headers = {} }: AppendRecord): PlainHeaders {
  return headers instanceof Map ? (Object.fromEntries(headers) as PlainHeaders) : (headers as PlainHeaders);
}

function smallKey({ key }: AppendRecord): AppendRecord['key'] {
  return key !== null && key !== undefined && Buffer.byteLength(key) > truncatedHeaderBytesMax ? null : key;
}

/** Headers that are small, ours first: they are text, what came from elsewhere is bytes. A part of an id would be another id. */
function small(headers: PlainHeaders): PlainHeaders {
  let bytes = 0;
  const ours = ([, value]: [string, unknown]): number => (typeof value === 'string' ? 0 : 1);
  return Object.fromEntries(
    Object.entries(headers)
      .toSorted((a, b) => ours(a) - ours(b))
      .filter(([name, value]) => {
        const size = [value]
          .flat()
          .reduce((sum, one) => sum + Buffer.byteLength(name) + Buffer.byteLength(one ?? ''), 0);
        if (size > truncatedHeaderBytesMax || bytes + size > truncatedHeadersBytesMax) return false;
        bytes += size;
        return true;
      }),
  );
}
