// The little of Kafka's wire format that a proxy must know: frames, the head of a request, the broker addresses in
// answers, and the record batches in a fetch. Only versions without tagged fields: what kafkajs speaks.

/** Numbers of the requests that tests name. */
export const apiKeys = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DeleteRecords: 21,
} as const;

export type ApiName = keyof typeof apiKeys;

/** Newest versions of these answers that are still written the old way. */
const metadataVersionMax = 8;
const coordinatorVersionMax = 2;
const fetchVersionMax = 11;
const produceVersionMax = 7;

export interface RequestHead {
  apiKey: number;
  apiVersion: number;
  correlationId: number;
}

export interface Address {
  host: string;
  port: number;
}

/** Puts chunks together and takes frames out of them, each with its four bytes of length. */
export class FrameSplitter {
  private rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    while (this.rest.length >= 4) {
      const length = 4 + this.rest.readInt32BE(0);
      if (this.rest.length < length) break;
      frames.push(this.rest.subarray(0, length));
      this.rest = this.rest.subarray(length);
    }
    return frames;
  }
}

export function requestHead(frame: Buffer): RequestHead {
  return { apiKey: frame.readInt16BE(4), apiVersion: frame.readInt16BE(6), correlationId: frame.readInt32BE(8) };
}

export function responseCorrelation(frame: Buffer): number {
  return frame.readInt32BE(4);
}

/** Reads along a frame and writes what it has seen, changed or not, into a new one. */
class Rewriter {
  private readonly parts: Buffer[] = [];
  private readonly frame: Buffer;
  private at: number;
  private copied: number;

  /** Starts behind the length, which `done` writes anew. */
  constructor(frame: Buffer) {
    this.frame = frame;
    this.at = 4;
    this.copied = 4;
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  int16(): number {
    this.at += 2;
    return this.frame.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.frame.readInt32BE(this.at - 4);
  }

  /** Null is the length -1. */
  string(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.at += length;
    return this.frame.toString('utf8', this.at - length, this.at);
  }

  bytes(length: number): Buffer {
    this.at += length;
    return this.frame.subarray(this.at - length, this.at);
  }

  /** What was read since `mark` is replaced. */
  mark(): () => void {
    this.parts.push(this.frame.subarray(this.copied, this.at));
    return () => void (this.copied = this.at);
  }

  write(bytes: Buffer): void {
    this.parts.push(bytes);
  }

  done(): Buffer {
    const body = Buffer.concat([...this.parts, this.frame.subarray(this.copied)]);
    return Buffer.concat([int32Bytes(body.length), body]);
  }
}

export function int32Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function stringBytes(text: string): Buffer {
  const bytes = Buffer.alloc(2 + Buffer.byteLength(text));
  bytes.writeInt16BE(bytes.length - 2);
  bytes.write(text, 2);
  return bytes;
}

/**
 * An answer that names brokers (Metadata, FindCoordinator), with every address put through `replace`; any other
 * answer as it is.
 *
 * @throws for a version that this file cannot read: silence would let a client pass the proxy by
 */
export function replaceAddresses(head: RequestHead, frame: Buffer, replace: (address: Address) => Address): Buffer {
  const { apiKey, apiVersion } = head;
  if (apiKey === apiKeys.Metadata) {
    refuseNewer('Metadata', apiVersion, metadataVersionMax);
    const at = new Rewriter(frame);
    at.skip(apiVersion >= 3 ? 8 : 4);
    for (let left = at.int32(); left > 0; left -= 1) {
      at.skip(4);
      replaceOne(at, replace);
      if (apiVersion >= 1) at.string();
    }
    return at.done();
  }
  if (apiKey === apiKeys.FindCoordinator) {
    refuseNewer('FindCoordinator', apiVersion, coordinatorVersionMax);
    const at = new Rewriter(frame);
    at.skip(apiVersion >= 1 ? 8 : 4);
    at.skip(2);
    if (apiVersion >= 1) at.string();
    at.skip(4);
    replaceOne(at, replace);
    return at.done();
  }
  return frame;
}

function replaceOne(at: Rewriter, replace: (address: Address) => Address): void {
  const replaced = at.mark();
  const found = { host: at.string() ?? '', port: at.int32() };
  replaced();
  const { host, port } = replace(found);
  at.write(stringBytes(host));
  at.write(int32Bytes(port));
}

/** A Metadata answer in which one partition has no leader. */
export function withoutLeader(head: RequestHead, frame: Buffer, unled: { topic: string; partition: number }): Buffer {
  return replaceMetadata(head, frame, {
    topicCode: () => 0,
    isUnled: (topic, partition) => topic === unled.topic && partition === unled.partition,
  });
}

/** A Metadata answer that has nothing of one topic but this error. */
export function withTopicError(head: RequestHead, frame: Buffer, refused: string, code: number): Buffer {
  return replaceMetadata(head, frame, { topicCode: (topic) => (topic === refused ? code : 0), isUnled: () => false });
}

function replaceMetadata(
  { apiVersion }: RequestHead,
  frame: Buffer,
  change: { topicCode(topic: string): number; isUnled(topic: string, partition: number): boolean },
): Buffer {
  if (apiVersion < 5) throw new Error(`Metadata version ${apiVersion} is too old to be read here`);
  refuseNewer('Metadata', apiVersion, metadataVersionMax);
  const leaderNotAvailable = 5;
  const at = new Rewriter(frame);
  at.skip(8);
  for (let left = at.int32(); left > 0; left -= 1) {
    at.skip(4);
    at.string();
    at.skip(4);
    at.string();
  }
  at.string(); // cluster id
  at.skip(4); // controller
  for (let topics = at.int32(); topics > 0; topics -= 1) {
    const topicReplaced = at.mark();
    const found = at.int16();
    const topic = at.string() ?? '';
    const code = change.topicCode(topic);
    const internal = at.bytes(1);
    topicReplaced();
    at.write(Buffer.concat([int16Bytes(code === 0 ? found : code), stringBytes(topic), internal]));
    const partsReplaced = at.mark();
    const count = at.int32();
    const parts = Array.from({ length: count }, () => {
      const partitionCode = at.int16();
      const partition = at.int32();
      const leader = at.int32();
      const isUnled = change.isUnled(topic, partition);
      const rest: Buffer[] = apiVersion >= 7 ? [at.bytes(4)] : [];
      for (let lists = 3; lists > 0; lists -= 1) {
        const length = at.int32();
        rest.push(int32Bytes(length), at.bytes(4 * length));
      }
      return Buffer.concat([
        int16Bytes(isUnled ? leaderNotAvailable : partitionCode),
        int32Bytes(partition),
        int32Bytes(isUnled ? -1 : leader),
        ...rest,
      ]);
    });
    partsReplaced();
    at.write(code === 0 ? Buffer.concat([int32Bytes(count), ...parts]) : int32Bytes(0));
  }
  return at.done();
}

/** A Fetch answer that refuses one of its partitions. */
export function withFetchError(
  head: RequestHead,
  frame: Buffer,
  refused: { topic: string; partition: number },
  code: number,
): Buffer {
  const isRefused = ({ topic, partition }: typeof refused): boolean =>
    topic === refused.topic && partition === refused.partition;
  return replaceFetched(
    head,
    frame,
    (at, set) => (isRefused(at) ? Buffer.alloc(0) : set),
    (at) => (isRefused(at) ? code : 0),
  );
}

/** A Fetch answer with the record batches of each partition put through `replace`. */
export function replaceRecordSets(
  head: RequestHead,
  frame: Buffer,
  replace: (at: { topic: string; partition: number }, recordSet: Buffer) => Buffer,
): Buffer {
  return replaceFetched(head, frame, replace, () => 0);
}

/** `errorOf` gives the code of a partition in place of none; 0 leaves it. */
function replaceFetched(
  head: RequestHead,
  frame: Buffer,
  replace: (at: { topic: string; partition: number }, recordSet: Buffer) => Buffer,
  errorOf: (at: { topic: string; partition: number }) => number,
): Buffer {
  const { apiVersion } = head;
  if (apiVersion < 4) throw new Error(`Fetch version ${apiVersion} is too old to be read here`);
  refuseNewer('Fetch', apiVersion, fetchVersionMax);
  const at = new Rewriter(frame);
  at.skip(4 + 4 + (apiVersion >= 7 ? 6 : 0));
  for (let topics = at.int32(); topics > 0; topics -= 1) {
    const topic = at.string() ?? '';
    for (let partitions = at.int32(); partitions > 0; partitions -= 1) {
      const partition = at.int32();
      const error = errorOf({ topic, partition });
      const refused = at.mark();
      const code = at.int16();
      refused();
      at.write(int16Bytes(error === 0 ? code : error));
      at.skip(8 + 8 + (apiVersion >= 5 ? 8 : 0));
      at.skip(16 * Math.max(0, at.int32())); // aborted transactions
      if (apiVersion >= 11) at.skip(4);
      const replaced = at.mark();
      const length = at.int32();
      const recordSet = at.bytes(Math.max(0, length));
      replaced();
      const next = replace({ topic, partition }, recordSet);
      at.write(int32Bytes(next.length));
      at.write(next);
    }
  }
  return at.done();
}

/** A Produce answer with each partition's part put through `replace`; null takes it out. The part begins with partition and error. */
function replaceProduced(
  head: RequestHead,
  frame: Buffer,
  replace: (topic: string, part: Buffer) => Buffer | null,
): Buffer {
  refuseNewer('Produce', head.apiVersion, produceVersionMax);
  const at = new Rewriter(frame);
  at.skip(4);
  const partLength = 4 + 2 + 8 + 8 + (head.apiVersion >= 5 ? 8 : 0);
  for (let topics = at.int32(); topics > 0; topics -= 1) {
    const topic = at.string() ?? '';
    const replaced = at.mark();
    const parts: Buffer[] = [];
    for (let left = at.int32(); left > 0; left -= 1) {
      const part = replace(topic, at.bytes(partLength));
      if (part !== null) parts.push(part);
    }
    replaced();
    at.write(int32Bytes(parts.length));
    at.write(Buffer.concat(parts));
  }
  return at.done();
}

/** A Produce answer that does not name one of its partitions. */
export function withoutProduced(head: RequestHead, frame: Buffer, topic: string, partition: number): Buffer {
  return replaceProduced(head, frame, (name, part) =>
    name === topic && part.readInt32BE(0) === partition ? null : part,
  );
}

/** A Produce answer that refuses one of its partitions. */
export function withProduceError(head: RequestHead, frame: Buffer, partition: number, code: number): Buffer {
  return replaceProduced(head, frame, (_topic, part) => {
    if (part.readInt32BE(0) !== partition) return part;
    const refused = Buffer.from(part);
    refused.writeInt16BE(code, 4);
    return refused;
  });
}

function refuseNewer(name: string, version: number, max: number): void {
  if (version > max) throw new Error(`${name} version ${version} is newer than the ${max} that the proxy can read`);
}
