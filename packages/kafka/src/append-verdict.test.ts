import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { judgeAppendError } from './append-verdict.ts';

const brokerError = (type: string, retriable = false): Error =>
  new kafkajs.KafkaJSProtocolError({ type, code: 0, retriable, name: 'x', message: type } as never);

describe('judgeAppendError', () => {
  test.each([
    ['MESSAGE_TOO_LARGE', 'record-too-large'],
    ['RECORD_LIST_TOO_LARGE', 'record-too-large'],
    ['INVALID_RECORD', 'record-rejected'],
    ['TOPIC_AUTHORIZATION_FAILED', 'not-authorized'],
  ])('%s can never succeed: %s', (type, code) => {
    expect(judgeAppendError(brokerError(type), 1)).toEqual({ kind: 'never', code, reason: type });
  });

  test.each([
    'NOT_LEADER_FOR_PARTITION',
    'REQUEST_TIMED_OUT',
    'NOT_ENOUGH_REPLICAS',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'UNKNOWN',
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
  ])('%s is doubt: sent again', (type) => {
    expect(judgeAppendError(brokerError(type), 1)).toEqual({ kind: 'doubt', reason: type });
  });

  test('a broker error is found through the wrappers of the driver', () => {
    const wrapped = Object.assign(new Error('retries exceeded'), { cause: brokerError('MESSAGE_TOO_LARGE') });
    expect(judgeAppendError(wrapped, 1).kind).toBe('never');
  });

  test('a lost connection is doubt at any attempt', () => {
    const lost = new kafkajs.KafkaJSConnectionError('gone', {});
    expect(judgeAppendError(lost, 1).kind).toBe('doubt');
    expect(judgeAppendError(lost, 1000).kind).toBe('doubt');
  });

  test('an error of encoding is blamed on the record only after the connection was renewed in vain', () => {
    expect(judgeAppendError(new TypeError('bad header'), 1).kind).toBe('doubt');
    expect(judgeAppendError(new TypeError('bad header'), 3)).toMatchObject({ kind: 'never', code: 'record-rejected' });
  });
});
