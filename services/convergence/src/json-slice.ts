// Cuts members out of JSON text without rebuilding it: every digit, escape and space of what is passed on stays as upstream
// wrote it (a 19-digit id does not survive JSON.parse).

import { nestsDeeperThan } from '@postrider/core/contracts';
import { parseTree, type Node, type ParseError } from 'jsonc-parser';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type JsonProblem = 'invalid-utf8' | 'invalid-json' | 'too-deep';

/** Text of JSON bytes after the checks that every event must pass: UTF-8, well-formed, not too deep. */
export function checkedJson(
  bytes: Uint8Array,
  depthMax: number,
): { ok: true; text: string } | { ok: false; problem: JsonProblem; detail: string } {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { ok: false, problem: 'invalid-utf8', detail: 'the value is not valid UTF-8' };
  }
  if (nestsDeeperThan(bytes, depthMax))
    return { ok: false, problem: 'too-deep', detail: `nested deeper than ${depthMax}` };
  try {
    JSON.parse(text);
  } catch {
    return { ok: false, problem: 'invalid-json', detail: whereInvalid(text) };
  }
  return { ok: true, text };
}

/** Says where, and quotes nothing: the parser's own message holds a piece of the event, which may be personal. */
function whereInvalid(text: string): string {
  const errors: ParseError[] = [];
  parseTree(text, errors, { disallowComments: true });
  const first = errors[0];
  return `the value is not valid JSON${first ? `, at character ${first.offset} of ${text.length}` : ''}`;
}

/** One value inside a JSON text. */
export interface JsonSlice {
  readonly type: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';
  /** The value's own text, untouched. */
  readonly raw: string;
}

/** A JSON text that was checked, for cutting values out by JSON pointer (RFC 6901). */
export class JsonDocument {
  readonly #text: string;
  readonly #root: Node | undefined;

  /** @param text passed `checkedJson` */
  constructor(text: string) {
    this.#text = text;
    this.#root = parseTree(text);
  }

  /** The value at a pointer; 'ambiguous' when a key on the way stands twice. */
  at(pointer: string): JsonSlice | 'ambiguous' | undefined {
    let node = this.#root;
    for (const token of pointer === '' ? [] : pointer.slice(1).split('/')) {
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
      if (node?.type === 'array') {
        node = /^\d+$/.test(name) ? node.children?.[Number(name)] : undefined;
      } else if (node?.type === 'object') {
        const members: Node[] = (node.children ?? []).filter((member) => member.children?.[0]?.value === name);
        if (members.length > 1) return 'ambiguous';
        node = members[0]?.children?.[1];
      } else return undefined;
    }
    if (!node || node.type === 'property') return undefined;
    return { type: node.type, raw: this.#text.slice(node.offset, node.offset + node.length) };
  }
}
