import { expect, test } from 'vitest';
import { withSettings } from './connection-url.ts';

const optionsOf = (url: string): string | null => new URL(url).searchParams.get('options');
const settings = { datestyle: 'ISO', role: 'postrider_reader' };

test('settings stand in the options of a URL, behind its own', () => {
  const plain = withSettings('postgres://ann:s%3Fcret@db:5432/audit', settings);
  expect(plain).toMatch(/^postgres:\/\/ann:s%3Fcret@db:5432\/audit\?/);
  expect(optionsOf(plain)).toBe('-c datestyle=ISO -c role=postrider_reader');
  const own = withSettings('postgres://db/audit?sslmode=require&options=-c%20search_path%3Dpostrider', settings);
  expect(new URL(own).searchParams.get('sslmode')).toBe('require');
  expect(optionsOf(own)).toBe('-c search_path=postrider -c datestyle=ISO -c role=postrider_reader');
});
