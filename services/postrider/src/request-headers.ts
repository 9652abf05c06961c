// Headers of a request as somebody has them: lines of a capture, or JSON.

import { CliError } from './failure.ts';
import { isMapping } from './file-problem.ts';

/** What `postrider sign --json` prints and `postrider verify --json-input` reads. */
export interface SignedDocument {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `Name: value` lines, with or without the request line above them, or a JSON object. @throws CliError `invalid-input` */
export function readHeaders(text: string): Record<string, string> {
  if (text.trimStart().startsWith('{')) return headersOf(parseJson(text));
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return headerLines(/^[A-Z]+ \S+ HTTP\/[\d.]+$/.test(lines[0] ?? '') ? lines.slice(1) : lines);
}

/** A name that is there twice is refused: which one would count? @throws CliError `invalid-input` */
export function headerLines(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  const seen = new Set<string>();
  for (const line of lines) {
    const cut = line.indexOf(':');
    const name = line.slice(0, Math.max(cut, 0)).trim();
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw new CliError('invalid-input', 'a header is not of the form `name: value`');
    if (seen.has(name.toLowerCase())) throw new CliError('invalid-input', `the header ${name} is there twice`);
    seen.add(name.toLowerCase());
    headers[name] = line.slice(cut + 1).trim();
  }
  return headers;
}

/** @throws CliError `invalid-input` */
export function readSignedDocument(text: string): SignedDocument {
  const document = parseJson(text);
  const { headers, body } = isMapping(document) ? document : {};
  if (typeof body !== 'string')
    throw new CliError('invalid-input', 'expected what `postrider sign --json` prints: {"headers":{…},"body":"…"}');
  return { headers: headersOf(headers), body };
}

function headersOf(value: unknown): Record<string, string> {
  if (!isMapping(value) || !Object.values(value).every((each) => typeof each === 'string'))
    throw new CliError('invalid-input', 'headers must be a JSON object of names and texts');
  return headerLines(Object.entries(value).map(([name, text]) => `${name}: ${text as string}`));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CliError('invalid-input', 'is not JSON');
  }
}
