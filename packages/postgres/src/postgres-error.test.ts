import { describe, expect, it } from 'vitest';
import { asPostgresError, PostgresError } from './postgres-error.ts';

const driverError = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });

describe('asPostgresError', () => {
  it.each([
    ['57P01', 'unreachable'],
    ['53100', 'unreachable'],
    ['08006', 'unreachable'],
    ['25006', 'unreachable'],
    ['40P01', 'conflict'],
    ['55P03', 'conflict'],
    ['42P01', 'not-migrated'],
    ['3D000', 'not-migrated'],
    ['28P01', 'denied'],
    ['42501', 'denied'],
    ['22021', 'data'],
    ['54000', 'data'],
    ['23505', 'bug'],
    ['42601', 'bug'],
    ['ECONNREFUSED', 'unreachable'],
    ['EPIPE', 'unreachable'],
  ])('says of %s that it is %s', (code, expected) => {
    expect(asPostgresError(driverError(code)).code).toBe(expected);
  });

  it.each(['Connection terminated unexpectedly', 'timeout exceeded when trying to connect', 'Query read timeout'])(
    'takes "%s" for a lost connection, though it has no code',
    (message) => {
      expect(asPostgresError(new Error(message))).toMatchObject({
        code: 'unreachable',
        retryable: true,
        sqlState: undefined,
      });
    },
  );

  it('takes anything else for a bug of ours', () => {
    expect(asPostgresError(new TypeError('x is not a function'))).toMatchObject({ code: 'bug', retryable: false });
  });

  it('gives back an error that is one already', () => {
    const error = new PostgresError('conflict', 'x');
    expect(asPostgresError(error)).toBe(error);
  });
});
