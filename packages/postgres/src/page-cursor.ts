// Where a page ended, as text that is handed back for the next one. One that is no such text begins at the newest; whoever has it
// from a person asks `isPageOf` first.

type Kind = 'text' | 'moment' | 'number';
type Part = string | number;

/** What each list is ordered by. */
export const pageKinds = {
  deliveries: ['moment', 'text', 'number'],
  attempts: ['moment', 'text', 'number', 'number'],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;

/** Whether a page of this list ended there. */
export function isPageOf(list: keyof typeof pageKinds, cursor: string): boolean {
  return readCursor(cursor, pageKinds[list]) !== undefined;
}

export function cursorText(parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts, when they are of these kinds; moments are ISO 8601 text. */
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
    case 'number':
      return Number.isSafeInteger(part);
    case 'moment':
      return typeof part === 'string' && !Number.isNaN(Date.parse(part));
    case 'text':
      return typeof part === 'string' && !part.includes('\0');
  }
}
