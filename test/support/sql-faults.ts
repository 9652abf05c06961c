// A full disk, as the audit projection meets it. A small file system is not to be had everywhere; what the server would say is
// SQLSTATE 53100, from the insert itself, and that is what this makes it say.

import type { Database } from '@postrider/postgres';

export async function fillDisk(database: Database): Promise<void> {
  await database.query(`CREATE OR REPLACE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = '53100'; END $$`);
  await database.query(
    `CREATE TRIGGER disk_full BEFORE INSERT ON audit_record FOR EACH ROW EXECUTE FUNCTION disk_full()`,
  );
}

export async function freeDisk(database: Database): Promise<void> {
  await database.query(`DROP TRIGGER IF EXISTS disk_full ON audit_record`);
}
