// The few statements that the stack itself sends to PostgreSQL.

import { Client } from 'pg';

import { PROBE_TIMEOUT_MS } from './limits.ts';

/** True when a server takes a session at `url`. */
export async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: PROBE_TIMEOUT_MS });
  // A server that dies between two messages must not end us.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Creates an empty database and returns its URL.
 *
 * @param url of any database of the server
 * @param name of the new one; must not exist
 * @throws whatever the server says, e.g. when it exists already
 */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(`create database ${client.escapeIdentifier(name)} template template0`);
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${encodeURIComponent(name)}`;
  return created.toString();
}
