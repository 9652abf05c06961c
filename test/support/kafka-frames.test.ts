import { describe, expect, test } from 'vitest';
import {
  apiKeys,
  FrameSplitter,
  int32Bytes,
  replaceAddresses,
  replaceRecordSets,
  requestHead,
  responseCorrelation,
  stringBytes,
  withProduceError,
  withoutProduced,
} from './kafka-frames.ts';

const int16 = (value: number) => int32Bytes(value).subarray(2);
const int64 = (value: number) => Buffer.concat([int32Bytes(value < 0 ? -1 : 0), int32Bytes(value)]);
const frame = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32Bytes(body.length), body]);
};
const head = (api: keyof typeof apiKeys, apiVersion: number) => ({
  apiKey: apiKeys[api],
  apiVersion,
  correlationId: 9,
});
const moved = ({ host, port }: { host: string; port: number }) => ({ host: `${host}.proxy`, port: port + 1 });

describe('frames', () => {
  test('are found in whatever chunks they come', () => {
    const frames = [frame(Buffer.from('one')), frame(), frame(Buffer.alloc(70_000, 'x'))];
    const stream = Buffer.concat(frames);
    for (const size of [1, 3, 4, 5, 1_000, stream.length]) {
      const splitter = new FrameSplitter();
      const found: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) found.push(...splitter.push(stream.subarray(at, at + size)));
      expect(found.map((one) => one.length)).toEqual(frames.map((one) => one.length));
      expect(Buffer.concat(found).equals(stream)).toBe(true);
    }
  });

  test('tell their request and its answer', () => {
    const request = frame(int16(3), int16(6), int32Bytes(77), stringBytes('client'));
    expect(requestHead(request)).toEqual({ apiKey: 3, apiVersion: 6, correlationId: 77 });
    expect(responseCorrelation(frame(int32Bytes(77)))).toBe(77);
  });
});

describe('addresses', () => {
  const rest = Buffer.from('the rest');
  const metadata = (name: (host: string) => string, port: number) =>
    frame(
      int32Bytes(9),
      int32Bytes(0),
      int32Bytes(2),
      ...['a', 'long-name'].flatMap((host, i) => [
        int32Bytes(i),
        stringBytes(name(host)),
        int32Bytes(port),
        i === 0 ? int16(-1) : stringBytes('rack'),
      ]),
      rest,
    );

  test('of every broker in Metadata are replaced, and nothing else', () => {
    const before = metadata((host) => host, 9_092);
    const after = metadata((host) => `${host}.proxy`, 9_093);
    expect(replaceAddresses(head('Metadata', 6), before, moved).equals(after)).toBe(true);
  });

  test('of the coordinator are replaced', () => {
    const coordinator = (host: string, port: number) =>
      frame(int32Bytes(9), int32Bytes(0), int16(0), int16(-1), int32Bytes(1), stringBytes(host), int32Bytes(port));
    const replaced = replaceAddresses(head('FindCoordinator', 1), coordinator('h', 1), moved);
    expect(replaced.equals(coordinator('h.proxy', 2))).toBe(true);
  });

  test('in a version that cannot be read are refused loudly', () => {
    expect(() => replaceAddresses(head('Metadata', 12), frame(), moved)).toThrow('Metadata version 12');
    expect(() => replaceAddresses(head('FindCoordinator', 3), frame(), moved)).toThrow('FindCoordinator version 3');
  });

  test('answers of other requests stay what they are', () => {
    const other = frame(int32Bytes(9), rest);
    expect(replaceAddresses(head('Heartbeat', 3), other, moved)).toBe(other);
  });
});

describe('record sets and produced partitions', () => {
  test.each([4, 5, 7, 11])('each record set of a Fetch answer is replaced, version %i', (version) => {
    const answer = (set: (partition: number) => string) =>
      frame(
        int32Bytes(9),
        int32Bytes(0),
        ...(version >= 7 ? [int16(0), int32Bytes(0)] : []),
        int32Bytes(1),
        stringBytes('t'),
        int32Bytes(2),
        ...[0, 1].flatMap((partition) => [
          int32Bytes(partition),
          int16(0),
          int64(5),
          int64(5),
          ...(version >= 5 ? [int64(0)] : []),
          ...(partition === 0 ? [int32Bytes(1), int64(1), int64(1)] : [int32Bytes(-1)]),
          ...(version >= 11 ? [int32Bytes(-1)] : []),
          int32Bytes(set(partition).length),
          Buffer.from(set(partition)),
        ]),
      );
    const replaced = replaceRecordSets(
      head('Fetch', version),
      answer((partition) => `set ${partition}`),
      ({ topic, partition }, set) => Buffer.from(`${set.toString()} of ${topic}-${partition}`),
    );
    expect(replaced.equals(answer((partition) => `set ${partition} of t-${partition}`))).toBe(true);
  });

  test('one partition is taken out of a Produce answer', () => {
    const part = (partition: number) => Buffer.concat([int32Bytes(partition), int16(0), int64(7), int64(-1), int64(0)]);
    const answer = (...partitions: number[]) =>
      frame(
        int32Bytes(9),
        int32Bytes(1),
        stringBytes('t'),
        int32Bytes(partitions.length),
        ...partitions.map(part),
        int32Bytes(0),
      );
    const shortened = withoutProduced(head('Produce', 5), answer(0, 1, 2), 't', 1);
    expect(shortened.equals(answer(0, 2))).toBe(true);
    expect(withoutProduced(head('Produce', 5), answer(0, 1, 2), 'other', 1).equals(answer(0, 1, 2))).toBe(true);
  });

  test('one partition of a Produce answer is refused', () => {
    const answer = (error: number) =>
      frame(
        int32Bytes(9),
        int32Bytes(1),
        stringBytes('t'),
        int32Bytes(2),
        ...[0, 1].flatMap((partition) => [
          int32Bytes(partition),
          int16(partition === 1 ? error : 0),
          int64(7),
          int64(-1),
          int64(0),
        ]),
        int32Bytes(0),
      );
    expect(withProduceError(head('Produce', 7), answer(0), 1, 6).equals(answer(6))).toBe(true);
  });
});
