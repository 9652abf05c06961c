// What an integration file takes from the run's stack: its own database and its own names on the brokers, so that
// files can run side by side, and after each other on servers that are kept.

import { createDatabase } from '@postrider/postgres';
import { inject } from 'vitest';

/** The brokers of this run, each `host:port`. */
export function testBrokers(): string[] {
  return inject('brokers');
}

/** The server of this run: its database `postgres`, as a user that may create databases. */
export function testPostgresUrl(): string {
  return inject('postgresUrl');
}

/**
 * A word that no other file of any run uses, valid as a Postrider environment and as the first part of names of
 * topics, groups and databases: lower-case letters and digits, at most 30.
 *
 * @param file short name of the test file, e.g. `convergence`; different for each file
 */
export function testPrefix(file: string): string {
  const word = file.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return `${word.slice(0, 14)}${inject('runId')}`.slice(0, 30);
}

/**
 * Creates the file's own empty database.
 *
 * @param file as in `testPrefix`; a file that needs several gives them different names
 * @returns its URL
 */
export async function createTestDatabase(file: string): Promise<string> {
  return createDatabase(testPostgresUrl(), testPrefix(file));
}
