import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { commonRows } from './common-rows.ts';
import { defineRows, envNameOf, mergeRows } from './config-rows.ts';
import type { ConfigOf } from './config-rows.ts';

describe('envNameOf', () => {
  test.each([
    ['environment', 'POSTRIDER_ENVIRONMENT'],
    ['dispatch.windowRecords', 'POSTRIDER_DISPATCH_WINDOW_RECORDS'],
    ['kafka.clientId', 'POSTRIDER_KAFKA_CLIENT_ID'],
    ['kafka.tls.ca', 'POSTRIDER_KAFKA_TLS_CA'],
    ['drainTimeoutMs', 'POSTRIDER_DRAIN_TIMEOUT_MS'],
  ])('makes of %s the name %s', (key, name) => {
    expect(envNameOf(key)).toBe(name);
  });
});

describe('defineRows', () => {
  test('gives every key the type of its schema', () => {
    const rows = defineRows({
      'a.count': { schema: z.number(), default: 1, doc: 'd' },
      'a.name': { schema: z.string().optional(), doc: 'd' },
    });
    expectTypeOf<ConfigOf<typeof rows>>().toEqualTypeOf<{
      readonly 'a.count': number;
      readonly 'a.name': string | undefined;
    }>();
    expectTypeOf<ConfigOf<typeof commonRows>['retry.tiers'][0]['delayMs']>().toEqualTypeOf<number>();
    // @ts-expect-error a default of another type than the schema reads does not compile
    expect(() => defineRows({ key: { schema: z.number(), default: 'one', doc: 'd' } })).toThrow(
      'its own schema refuses',
    );
  });

  test('refuses a default that its schema refuses', () => {
    expect(() => defineRows({ port: { schema: z.number().max(10), default: 11, doc: 'd' } })).toThrow(
      expect.objectContaining({ code: 'config-definition' }),
    );
  });

  test('refuses two keys of one environment name', () => {
    const row = { schema: z.string(), default: 'x', doc: 'd' };
    expect(() => defineRows({ 'a.bC': row, 'a.b.c': row })).toThrow('POSTRIDER_A_B_C');
  });

  test('refuses a key that would be the _FILE form of another', () => {
    const row = { schema: z.string(), default: 'x', doc: 'd' };
    expect(() => defineRows({ 'tls.ca': row, 'tls.caFile': row })).toThrow('POSTRIDER_TLS_CA_FILE');
  });

  test('refuses a key that is not dotted camelCase', () => {
    expect(() => defineRows({ window_records: { schema: z.string(), default: 'x', doc: 'd' } })).toThrow('camelCase');
  });
});

describe('mergeRows', () => {
  test('joins tables with their types', () => {
    const rows = mergeRows(commonRows, defineRows({ 'dispatch.window': { schema: z.number(), default: 1, doc: 'd' } }));
    expectTypeOf<ConfigOf<typeof rows>['dispatch.window']>().toEqualTypeOf<number>();
    expectTypeOf<ConfigOf<typeof rows>['environment']>().toEqualTypeOf<string>();
    expect(Object.keys(rows)).toContain('dispatch.window');
    expect(Object.keys(rows)).toContain('environment');
  });

  test('refuses a key that stands in two tables', () => {
    const again = defineRows({ environment: { schema: z.string(), default: 'x', doc: 'd' } });
    expect(() => mergeRows(commonRows, again)).toThrow('defined twice');
  });
});
