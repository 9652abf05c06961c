import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { readFailure, toKafkaError } from './driver-error.ts';
import { KafkaError } from './kafka-error.ts';

const protocolError = (type: string): Error =>
  new kafkajs.KafkaJSProtocolError({ type, code: 0, retriable: true, name: 'x', message: type } as never);

describe('readFailure', () => {
  test('finds the broker and port of a connection that was closed', () => {
    const closed = Object.assign(new Error('Closed connection'), {
      name: 'KafkaJSConnectionClosedError',
      host: 'h',
      port: 9,
    });
    expect(readFailure(closed)).toMatchObject({ connectionLost: true, host: 'h', port: 9, brokerError: null });
  });

  test('reads anything that can be thrown', () => {
    for (const thrown of [undefined, null, 'text', 7, {}]) expect(readFailure(thrown).connectionLost).toBe(false);
  });
});

describe('toKafkaError', () => {
  test('keeps our own errors as they are', () => {
    const own = new KafkaError('closed', 'x');
    expect(toKafkaError(own, 'doing')).toBe(own);
  });

  test('names what a caller may branch on', () => {
    expect(toKafkaError(protocolError('UNKNOWN_TOPIC_OR_PARTITION'), 'd').code).toBe('unknown-topic');
    expect(toKafkaError(protocolError('GROUP_AUTHORIZATION_FAILED'), 'd').code).toBe('not-authorized');
    expect(toKafkaError(new kafkajs.KafkaJSConnectionError('gone', {}), 'd').code).toBe('unavailable');
    expect(toKafkaError(protocolError('INVALID_CONFIG'), 'd')).toMatchObject({
      code: 'protocol',
      brokerError: 'INVALID_CONFIG',
    });
  });
});
