import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test, vi } from 'vitest';
import { encodeBatch } from './encode-batch.ts';
import { encodable } from './record-size.ts';

const require = createRequire(import.meta.url);
const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe('the patch on kafkajs', () => {
  test('is made for exactly the version that is installed', () => {
    const { version } = require('kafkajs/package.json') as { version: string };
    expect(version).toBe('2.2.4');
  });

  test('an idle request queue arms no timer', () => {
    const RequestQueue = require('kafkajs/src/network/requestQueue/index.js') as new (options: object) => {
      checkPendingRequests(): void;
      maybeThrottle(ms: number): void;
      destroy(): void;
      throttleCheckTimeoutId: unknown;
    };
    const queue = new RequestQueue({
      maxInFlightRequests: null,
      requestTimeout: 1000,
      clientId: 'c',
      broker: 'b',
      logger: silent,
    });
    const setTimer = vi.spyOn(globalThis, 'setTimeout');
    queue.checkPendingRequests();
    expect(setTimer).not.toHaveBeenCalled();
    queue.maybeThrottle(50);
    queue.checkPendingRequests();
    expect(setTimer).toHaveBeenCalledTimes(1);
    queue.destroy();
    setTimer.mockRestore();
  });

  test('a fetch hands out the bytes of record batches, the beginning of one included', async () => {
    const Decoder = require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => unknown;
    const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as (
      decoder: unknown,
    ) => Promise<unknown>;
    const sized = (bytes: Buffer): Buffer => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(bytes.length);
      return Buffer.concat([size, bytes]);
    };
    const batch = await encodeBatch([encodable({ topic: 't', partition: 0, key: null, value: 'v' })], 1);
    for (const bytes of [batch, batch.subarray(0, 10)])
      expect(await decodeMessages(new Decoder(sized(bytes)))).toEqual({ batches: bytes });
    expect(await decodeMessages(new Decoder(sized(Buffer.alloc(0))))).toEqual([]);
  });

  test('a produce request carries the batch that it is given, with the time of its sending', async () => {
    const request = require('kafkajs/src/protocol/requests/produce/v7/request.js') as (options: object) => {
      encode(): Promise<{ buffer: Buffer }>;
    };
    const asked: number[] = [];
    const batch = async (nowMs: number): Promise<Buffer> => {
      asked.push(nowMs);
      return Buffer.from('the batch');
    };
    const topicData = [{ topic: 't', partitions: [{ partition: 7, batch }] }];
    const { buffer } = await request({ acks: -1, timeout: 1, topicData }).encode();
    expect(buffer.subarray(-17)).toEqual(
      Buffer.concat([Buffer.from([0, 0, 0, 7, 0, 0, 0, 9]), Buffer.from('the batch')]),
    );
    expect(asked).toHaveLength(1);
  });

  test('a metadata answer comes through whatever is wrong with one topic or partition of it', async () => {
    const { parse } = require('kafkajs/src/protocol/requests/metadata/v6/response.js') as {
      parse(data: object): Promise<object>;
    };
    const answer = {
      topicMetadata: [
        { topicErrorCode: 3, topic: 'gone', partitionMetadata: [] },
        { topicErrorCode: 0, topic: 't', partitionMetadata: [{ partitionErrorCode: 5, partitionId: 0, leader: -1 }] },
      ],
    };
    expect(await parse(answer)).toBe(answer);
  });

  test('every change of the patch file is in the installed package', () => {
    const marks = [
      ['network/requestQueue/index.js', 1],
      ['protocol/encoder.js', 1],
      ['protocol/requests/produce/v3/request.js', 1],
      ['protocol/requests/fetch/v4/decodeMessages.js', 2],
      ['protocol/requests/metadata/v0/response.js', 1],
    ] as const;
    for (const [file, count] of marks) {
      const source = readFileSync(require.resolve(`kafkajs/src/${file}`), 'utf8');
      expect({ file, count: source.split('// postrider:').length - 1 }).toEqual({ file, count });
    }
  });
});
