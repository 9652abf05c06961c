// Where a page ended, as text that is handed back for the next one. One that is no such text begins at the newest; whoever has it
// from a person asks `isPageOf` first.

/** `integer` and `offset` are whole numbers, as a column of four or eight bytes holds them. */
type Kind = 'text' | 'moment' | 'integer' | 'offset';
type Part = string | number;

/** What each list is ordered by. */
export const pageKinds = {
  deliveries: ['moment', 'text', 'integer'],
  attempts: ['moment', 'text', 'integer', 'offset'],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;

/** Whether a page of this list ended there. */
export function isPageOf(list: keyof typeof pageKinds, cursor: string): boolean {
  return readCursor(cursor, pageKinds[list]) !== undefined;
}

const momentLength = '2030-05-02T12:00:00.000Z'.length;
const int4End = 2 ** 31;

export function cursorText(parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts, when they are of these kinds; moments are ISO 8601 text, as `cursorText` was given it. */
export function readCursor(cursor: string | undefined, kinds: readonly Kind[]): readonly Part[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(parsed) || parsed.length !== kinds.length) return undefined;
    const parts = parsed as unknown[];
    return kinds.every((kind, index) => isOf(kind, parts[index])) ? (parts as Part[]) : undefined;
  } catch {
    return undefined;
  }
}

function isOf(kind: Kind, part: unknown): boolean {
  switch (kind) {
    case 'integer':
      return Number.isInteger(part) && Math.abs(part as number) < int4End;
    case 'offset':
      return Number.isSafeInteger(part);
    case 'moment':
      return typeof part === 'string' && isMoment(part);
    case 'text':
      return typeof part === 'string' && !part.includes('\0');
  }
}

/** As `toISOString` writes a year of four figures, which PostgreSQL reads, too. */
function isMoment(text: string): boolean {
  const ms = Date.parse(text);
  return text.length === momentLength && !Number.isNaN(ms) && new Date(ms).toISOString() === text;
}
