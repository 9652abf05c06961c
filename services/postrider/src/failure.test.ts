import { PostgresError } from '@postrider/postgres';
import { expect, it } from 'vitest';
import { asCliError } from './failure.ts';

const where = { brokers: [], postgres: 'db.example:5432/audit' };

it('a missing database is told apart from missing tables: no migration makes one', () => {
  const missing = (sqlState: string) => new PostgresError('not-migrated', 'it does not exist', { sqlState });
  expect(asCliError(missing('3D000'), where)?.message).toBe(
    'it does not exist at db.example:5432/audit: create it, then `postrider db migrate`',
  );
  expect(asCliError(missing('42P01'), where)?.message).toContain('the audit tables are not there');
});
