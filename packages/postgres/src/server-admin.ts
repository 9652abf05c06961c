// What is asked of a PostgreSQL server itself, before there is a database to speak of.

import pg from 'pg';

/** True when a server takes a session at `url`. */
export async function serverAnswers(url: string, timeoutMs: number): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs });
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
 * Creates a database and returns its URL.
 *
 * @param url of any other database of the server
 * @param name of the new one; must not exist
 * @param template copied with all that is in it, while nobody is connected to it; default: an empty one
 * @throws whatever the server says, e.g. when it exists already
 */
export async function createDatabase(url: string, name: string, template = 'template0'): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(
      `create database ${client.escapeIdentifier(name)} template ${client.escapeIdentifier(template)}`,
    );
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${encodeURIComponent(name)}`;
  return created.toString();
}
