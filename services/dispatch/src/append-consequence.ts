// Appends what follows from a settlement. A foreign record may be larger than our topics take with our headers on it; it keeps
// its place in the dead letter queue without its value, since a process that cannot get past it would help nobody.

import { KafkaError, type Appender, type AppendRecord } from '@postrider/kafka';

/** @throws KafkaError but for `record-too-large`, which is met */
export async function appendConsequence(appender: Pick<Appender, 'append'>, record: AppendRecord): Promise<void> {
  try {
    await appender.append(record);
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'record-too-large') throw error;
    await appender.append({ ...record, value: null, headers: { ...plain(record.headers), 'pr-truncated': 'true' } });
  }
}

type Headers = NonNullable<AppendRecord['headers']>;
type PlainHeaders = Exclude<Headers, ReadonlyMap<string, unknown>>;

function plain(headers: Headers = {}): PlainHeaders {
  return headers instanceof Map ? (Object.fromEntries(headers) as PlainHeaders) : (headers as PlainHeaders);
}
