// The schema of a database as text, from the catalogue: what stands in it, who owns it and who may do what. The same on every
// version of PostgreSQL, which `pg_dump` is not.

import type { Database } from '@postrider/postgres';

/** @param lines given by `line`, in order */
const parts: readonly { readonly title: string; readonly sql: string }[] = [
  {
    title: 'tables and views: owner, kind, rights',
    sql: `SELECT format('%s %s, owner %s%s%s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
            c.relname, pg_get_userbyid(c.relowner), coalesce(' with ' || array_to_string(c.reloptions, ', '), ''),
            (SELECT string_agg(format('; %s to %s', a.privilege_type, coalesce(r.rolname, 'PUBLIC')), '' ORDER BY r.rolname, a.privilege_type)
             FROM aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> c.relowner)) AS line
          FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname <> 'schema_migration'
          ORDER BY c.relname`,
  },
  {
    title: 'columns',
    sql: `SELECT format('%s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            CASE WHEN co.collname <> 'default' THEN ' collate "' || co.collname || '"' ELSE '' END,
            CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) AS line
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname NOT IN ('schema_migration', 'audit_record_default')
          ORDER BY c.relname, a.attname`,
  },
  {
    title: 'constraints',
    sql: `SELECT format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) AS line FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'c', 'u', 'f')
            AND conrelid::regclass::text NOT IN ('schema_migration', 'audit_record_default') ORDER BY 1`,
  },
  {
    title: 'indexes',
    sql: `SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT IN ('schema_migration', 'audit_record_default')
          ORDER BY indexname`,
  },
  {
    title: 'triggers',
    sql: `SELECT format('%s [%s]', pg_get_triggerdef(t.oid), t.tgenabled) AS line FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.relname, t.tgname`,
  },
  {
    title: 'functions: owner, settings, rights',
    sql: `SELECT format('%s(%s) returns %s, owner %s%s%s%s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
            pg_get_userbyid(p.proowner), CASE WHEN p.prosecdef THEN ', with the rights of its owner' ELSE '' END,
            coalesce('; ' || array_to_string(p.proconfig, '; '), ''),
            (SELECT string_agg(format('; EXECUTE to %s', coalesce(r.rolname, 'PUBLIC')), '' ORDER BY r.rolname)
             FROM aclexplode(p.proacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> p.proowner)) AS line
          FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace ORDER BY p.proname`,
  },
];

export async function schemaText(database: Database): Promise<string> {
  const sections: string[] = [];
  for (const { title, sql } of parts) {
    const rows = await database.query<{ line: string }>(sql);
    sections.push(`-- ${title}\n${rows.map(({ line }) => `${line}\n`).join('')}`);
  }
  return sections.join('\n');
}
