// Marked secrets, and the search for them in whatever a system leaves behind: as they are, and in the disguises in which a
// secret gets about by accident. A part of a secret is found as well as the whole.

import type { KafkaCluster } from '@postrider/kafka';
import type { Database } from '@postrider/postgres';

export interface Canary {
  readonly name: string;
  /** What is looked for: texts of at least `pieceChars`, by the disguise they stand for. */
  readonly pieces: readonly { readonly disguise: string; readonly bytes: Buffer }[];
}

/** As much of a secret in one place is a leak; the few characters that lists show are not. */
const pieceBytes = 9;

/** @param forms of one secret: its text, and the key that the text stands for */
export function canary(name: string, ...forms: readonly (string | Buffer)[]): Canary {
  const pieces = forms.flatMap((form) => {
    const secret = Buffer.from(form);
    if (secret.length < 2 * pieceBytes) throw new Error(`${name} is too short to be told from chance`);
    const ends = [secret.subarray(0, pieceBytes), secret.subarray(secret.length - pieceBytes)];
    return ends.flatMap((end) => disguises(end, secret));
  });
  return { name, pieces };
}

function disguises(end: Buffer, secret: Buffer): { disguise: string; bytes: Buffer }[] {
  const hex = end.toString('hex');
  const at = secret.indexOf(end);
  const texts: [string, string][] = [
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
    ['JSON of bytes', [...end].join(',')],
    ['percent-encoded', encodeURIComponent(end.toString('latin1'))],
  ];
  // Base64 of a longer text shows a secret in one of three spellings, by where it stands in it.
  for (const shift of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(shift), secret])
      .toString('base64')
      .replaceAll('=', '');
    const from = Math.ceil(((at + shift) * 8) / 6) + (shift === 0 && at === 0 ? 0 : 1);
    const to = Math.floor(((at + shift + end.length) * 8) / 6) - 1;
    const text = whole.slice(from, to);
    texts.push([`base64 at ${shift}`, text], [`base64url at ${shift}`, text.replaceAll('+', '-').replaceAll('/', '_')]);
  }
  return [
    { disguise: 'as it is', bytes: end },
    ...texts.map(([disguise, text]) => ({ disguise, bytes: Buffer.from(text) })),
  ];
}

/** Where in a place a canary is, each once; empty: nowhere. */
export function sightings(canaries: readonly Canary[], place: string, content: Buffer | string): string[] {
  const bytes = Buffer.from(content);
  return canaries.flatMap(({ name, pieces }) => {
    const found = new Set(pieces.filter((piece) => bytes.includes(piece.bytes)).map(({ disguise }) => disguise));
    return [...found].map((disguise) => `${place}: ${name}, ${disguise}`);
  });
}

/** Every byte of every topic of an environment: keys, values, headers. */
export async function topicContents(cluster: KafkaCluster, environment: string): Promise<Map<string, Buffer>> {
  const admin = cluster.admin();
  const contents = new Map<string, Buffer>();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${environment}.`));
    for (const topic of topics) {
      const parts: Buffer[] = [];
      await cluster.scan({
        topic,
        from: 'earliest',
        onRecord({ key, value, headers }) {
          parts.push(key ?? Buffer.alloc(0), value ?? Buffer.alloc(0));
          for (const [name, values] of headers)
            parts.push(Buffer.from(name), ...values.map((each) => Buffer.from(each ?? '')));
        },
      });
      contents.set(topic, Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n')])));
    }
  } finally {
    await admin.close();
  }
  return contents;
}

/** Every value of every table that is not PostgreSQL's own, bytes as bytes and the rest as text. */
export async function tableContents(database: Database): Promise<Map<string, Buffer>> {
  const tables = await database.query<{ schema: string; name: string }>(
    `select schemaname as schema, tablename as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const contents = new Map<string, Buffer>();
  for (const { schema, name } of tables) {
    const rows = await database.query<Record<string, unknown>>(`select * from "${schema}"."${name}"`);
    const values = rows.flatMap((row) => Object.values(row));
    contents.set(
      `${schema}.${name}`,
      Buffer.concat(
        values.flatMap((value) => [
          Buffer.isBuffer(value)
            ? value
            : Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')),
          Buffer.from('\n'),
        ]),
      ),
    );
  }
  return contents;
}
