// Lists for a person: columns as wide as their content, and lengths of time and moments as one reads them.

import { stripVTControlCharacters } from 'node:util';

/** Columns under headings; the last one is not padded. Control characters in cells are made visible: ids come from outside. */
export function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => width(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))),
      )
      .join('  ')
      .trimEnd();
  return [headings, ...rows].map(line).join('\n');
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** Text from outside as it may stand on a terminal: nothing in it moves the cursor or changes colours. */
export function shown(text: string | null | undefined): string {
  // oxlint-disable-next-line no-control-regex -- they are taken out
  return (text ?? '').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** `2026-01-31 12:00:00.123` in UTC; empty for none. */
export function momentText(moment: Date | number | null | undefined): string {
  if (moment === null || moment === undefined) return '';
  const date = new Date(moment);
  return Number.isFinite(date.getTime()) ? date.toISOString().replace('T', ' ').slice(0, 23) : '';
}

/** `1 dispatch`, `2 dispatches`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
