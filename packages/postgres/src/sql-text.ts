// Values as they stand in the text of a COPY, which takes no parameters.

/** A text as PostgreSQL reads it back, byte for byte; standard_conforming_strings is on since PostgreSQL 9.1. */
export function literal(text: string): string {
  if (text.includes('\0')) throw new RangeError('a text for PostgreSQL cannot hold U+0000');
  return `'${text.replaceAll("'", "''")}'`;
}

export function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`);
  return String(value);
}
