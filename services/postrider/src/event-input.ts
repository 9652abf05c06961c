// Events as a person or a script hands them over: newline-delimited JSON, one JSON document, or a JSON array; each either a
// CloudEvent in structured form or the short form {id?, type, project, subject?, time?, source?, data}. The data is cut
// out of the text untouched: rebuilding it would lose digits of large numbers.

import { parseTree, type Node } from 'jsonc-parser';
import { didYouMean } from '@postrider/runtime';
import type { EventToPublish } from '@postrider/publisher';

export interface EventInputProblem {
  /** 1-based. */
  readonly line: number;
  readonly message: string;
}

export interface EventInput {
  readonly events: readonly { readonly line: number; readonly event: EventToPublish }[];
  /** Any: nothing of the input may be published. */
  readonly problems: readonly EventInputProblem[];
}

/** One JSON text in the input. */
interface Piece {
  readonly text: string;
  readonly line: number;
}

/** Reads all events of an input, and says everything that is wrong with it. */
export function readEventInput(bytes: Uint8Array): EventInput {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { events: [], problems: [{ line: 1, message: 'is not UTF-8' }] };
  }
  const problems: EventInputProblem[] = [];
  const events = piecesOf(text).flatMap(({ text: piece, line }) => {
    const problem = jsonProblem(piece);
    const read = problem === undefined ? readEvent(piece) : { problem };
    if ('problem' in read) {
      problems.push({ line, message: read.problem });
      return [];
    }
    return [{ line, event: read.event }];
  });
  if (events.length === 0 && problems.length === 0) problems.push({ line: 1, message: 'holds no event' });
  return { events, problems };
}

/** One document, the items of one array, or else the lines. */
function piecesOf(text: string): Piece[] {
  if (jsonProblem(text) !== undefined) {
    return text.split(/\r?\n/).flatMap((line, index) => (line.trim() === '' ? [] : [{ text: line, line: index + 1 }]));
  }
  const root = parseTree(text);
  const items = root?.type === 'array' ? (root.children ?? []) : root ? [root] : [];
  return items.map((item) => ({ text: cut(text, item), line: text.slice(0, item.offset).split('\n').length }));
}

/** The strict parser's word on a text; jsonc-parser alone would let comments and trailing commas through. */
function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function cut(text: string, node: Node): string {
  return text.slice(node.offset, node.offset + node.length);
}

const shortKeys = ['id', 'type', 'project', 'subject', 'time', 'source', 'data'];
const cloudEventKeys = new Set([
  ...shortKeys,
  'specversion',
  'datacontenttype',
  'dataschema',
  'data_base64',
  'traceparent',
]);

function readEvent(text: string): { event: EventToPublish } | { problem: string } {
  const root = parseTree(text);
  if (root?.type !== 'object') return { problem: 'is no JSON object' };
  const members = new Map<string, Node>();
  for (const member of root.children ?? []) {
    const [key, value] = member.children ?? [];
    const name = String(key?.value);
    if (members.has(name)) return { problem: `"${name}" is there twice` };
    if (value) members.set(name, value);
  }
  const structured = members.has('specversion');
  for (const name of members.keys()) {
    if (structured || shortKeys.includes(name)) continue;
    const near = didYouMean(name, shortKeys);
    return {
      problem: `"${name}" is not known${near ? `; did you mean ${near}?` : `; known are: ${shortKeys.join(', ')}`} (a CloudEvent has "specversion")`,
    };
  }

  /** Text, or the digits of a number. */
  const field = (name: string): string | undefined => {
    const node = members.get(name);
    if (!node || node.type === 'null') return undefined;
    return node.type === 'string' ? String(node.value) : cut(text, node);
  };
  if (structured && field('specversion') !== '1.0')
    return { problem: `specversion ${field('specversion') ?? ''} is not 1.0` };
  const data = members.get('data');
  const encoded = field('data_base64');
  const bytes = data
    ? Buffer.from(cut(text, data))
    : encoded === undefined
      ? undefined
      : Buffer.from(encoded, 'base64');
  if (!bytes) return { problem: 'data is missing' };
  const extensions: Record<string, string> = {};
  if (structured) {
    for (const name of members.keys()) {
      const value = field(name);
      if (!cloudEventKeys.has(name) && value !== undefined) extensions[name] = value;
    }
  }
  return {
    event: {
      id: field('id'),
      type: field('type') ?? '',
      project: field('project') ?? '',
      subject: field('subject'),
      time: field('time'),
      source: field('source'),
      traceparent: structured ? field('traceparent') : undefined,
      extensions,
      data: bytes,
    },
  };
}
