// Where the fields of a JSON text lie, without making anything of them: the verification looks at every record of the audit,
// and for nearly all of them it is enough that some bytes equal others. Takes the JSON that `JSON.stringify` makes, with
// nothing between its tokens; of anything else, also of what is valid, it says that it does not know.

import type { RowBytes } from '@postrider/postgres';

/** What stands at a span. `text` lies between its quotes, and holds no escapes: its bytes are what it says. `same`: also those of its column. */
export const kinds = {
  absent: 0,
  text: 1,
  same: 2,
  number: 3,
  true: 4,
  false: 5,
  null: 6,
  object: 7,
  list: 8,
  escaped: 9,
} as const;

/** Fields of an object by name: the number of the span that takes each, or what lies within. */
export interface ShapeDefinition {
  readonly [name: string]: FieldDefinition;
}
type FieldDefinition =
  | number
  /** Nothing is asked of it, but that it is JSON. */
  | 'passed'
  /** Most often the text of a column: its length is tried first. */
  | { readonly span: number; readonly column: number }
  | { readonly span: number; readonly within: ShapeDefinition }
  | { readonly span: number; readonly each: ShapeDefinition; readonly check: (spans: JsonSpans) => boolean };

interface Field {
  /** Of `"name":`; its words of four bytes, of which the last may overlap the one before. */
  readonly length: number;
  readonly words: Int32Array;
  /** -1: of none. */
  readonly column: number;
  /** -1: passed. */
  readonly span: number;
  /** Which of the fields of its object it is, as a bit; 0: passed. */
  readonly bit: number;
  readonly within: Shape | undefined;
  readonly each: Shape | undefined;
  readonly check: ((spans: JsonSpans) => boolean) | undefined;
}

/** Records of one type name their fields in one order: the one seen last is looked for first. */
export interface Shape {
  readonly fields: readonly Field[];
  readonly order: (Field | undefined)[];
}

const spansMax = 40;
const depthMax = 16;
const unknown = -1;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** 1: ends a string, begins an escape, or may not stand in one. */
const special = new Uint8Array(256);
special.fill(1, 0, 0x20);
special[quote] = special[backslash] = 1;
/** 1: a decimal digit. */
const digit = new Uint8Array(256);
digit.fill(1, 0x30, 0x3a);

export function shapeOf(definition: ShapeDefinition): Shape {
  const named = Object.entries(definition);
  // A bit of a 32-bit integer each, without the sign.
  if (named.length > 31) throw new RangeError('more fields than bits');
  const fields = named.map(([name, field], index): Field => {
    const key = Buffer.from(`${JSON.stringify(name)}:`);
    const plain = {
      length: key.length,
      words: wordsOf(key),
      column: unknown,
      bit: 1 << index,
      within: undefined,
      each: undefined,
      check: undefined,
    };
    if (field === 'passed') return { ...plain, span: unknown, bit: 0 };
    if (typeof field === 'number') return { ...plain, span: field };
    if ('column' in field) return { ...plain, span: field.span, column: field.column };
    if ('within' in field) return { ...plain, span: field.span, within: shapeOf(field.within) };
    return { ...plain, span: field.span, each: shapeOf(field.each), check: field.check };
  });
  return { fields, order: [] };
}

/** One at a time: what `read` found stands until the next call. */
export class JsonSpans {
  bytes: Uint8Array = new Uint8Array(0);
  #row: RowBytes | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));
  readonly kinds = new Uint8Array(spansMax);
  readonly starts = new Int32Array(spansMax);
  readonly ends = new Int32Array(spansMax);
  #end = 0;
  #escaped = false;

  /**
   * Reads the members of an object that lies in a row, and of which the beginning is known.
   * @param at of the first member's key; `end` is behind the object
   * @returns true when all of it is JSON, and every named field stands in it at most once
   */
  read(row: RowBytes, { at, end }: { readonly at: number; readonly end: number }, shape: Shape): boolean {
    this.#row = row;
    this.bytes = row.buffer;
    this.#view = row.view;
    this.#end = end;
    this.kinds.fill(kinds.absent);
    return this.#members(at, shape, 0) === end;
  }

  /** @returns behind the closing brace */
  #members(from: number, shape: Shape, depth: number): number {
    const { bytes } = this;
    const view = this.#view;
    const { order } = shape;
    let at = from;
    let seen = 0;
    for (let place = 0; ; place += 1) {
      let field = order[place];
      if (shape !== anything && (field === undefined || !keyAt(view, at, field))) {
        field = shape.fields.find((each) => keyAt(view, at, each));
        order[place] = field;
      }
      if (field === undefined) {
        at = this.#key(at);
        at = at < 0 ? unknown : this.#value(at, depth);
      } else {
        // Of two fields of one name the last counts: not looked into.
        if ((seen & field.bit) !== 0) return unknown;
        seen |= field.bit;
        at += field.length;
        at = field.span < 0 ? this.#value(at, depth) : this.#field(at, field, depth);
      }
      if (at < 0) return unknown;
      const next = bytes[at];
      at += 1;
      if (next === closeBrace) return at;
      if (next !== comma) return unknown;
    }
  }

  #field(from: number, field: Field, depth: number): number {
    const { bytes } = this;
    const { span, column, within, each, check } = field;
    const first = bytes[from];
    if (column >= 0 && first === quote) {
      const behind = this.#sameText(from + 1, column);
      if (behind > 0) {
        this.kinds[span] = kinds.same;
        this.starts[span] = from + 1;
        this.ends[span] = behind - 1;
        return behind;
      }
    }
    let kind: number;
    let at: number;
    let start = from;
    let end = from;
    if (first === quote) {
      at = this.#text(from + 1);
      kind = this.#escaped ? kinds.escaped : kinds.text;
      start = from + 1;
      end = at - 1;
    } else if (first === openBrace && within !== undefined) {
      kind = kinds.object;
      at = bytes[from + 1] === closeBrace ? from + 2 : this.#members(from + 1, within, depth + 1);
    } else if (first === openBracket && each !== undefined && check !== undefined) {
      kind = kinds.list;
      at = this.#list(from, each, check, depth);
    } else {
      at = this.#value(from, depth);
      kind = kindOf(first!);
      end = at;
    }
    this.kinds[span] = kind;
    this.starts[span] = start;
    this.ends[span] = end;
    return at;
  }

  /** Of objects alone, each of which must pass. */
  #list(from: number, each: Shape, check: (spans: JsonSpans) => boolean, depth: number): number {
    const { bytes } = this;
    if (bytes[from + 1] === closeBracket) return from + 2;
    let at = from;
    do {
      if (bytes[at + 1] !== openBrace) return unknown;
      for (const { span } of each.fields) if (span >= 0) this.kinds[span] = kinds.absent;
      at = bytes[at + 2] === closeBrace ? at + 3 : this.#members(at + 2, each, depth + 1);
      if (at < 0 || !check(this)) return unknown;
    } while (bytes[at] === comma);
    return bytes[at] === closeBracket ? at + 1 : unknown;
  }

  /** @returns behind the colon */
  #key(at: number): number {
    if (this.bytes[at] !== quote) return unknown;
    const behind = this.#text(at + 1);
    // A name that is written with escapes may be one that is known.
    return behind < 0 || this.#escaped || this.bytes[behind] !== colon ? unknown : behind + 1;
  }

  /** @param from behind the opening quote. @returns behind the closing one, when all between them is plain and stands in the column */
  #sameText(from: number, column: number): number {
    const { starts, lengths } = this.#row!;
    const view = this.#view;
    const length = lengths[column]!;
    // In shorter ones nothing is gained.
    if (length < 4 || from + length >= this.#end || this.bytes[from + length] !== quote) return unknown;
    const other = starts[column]! - from;
    const last = from + length - 4;
    for (let at = from; ; at += 4) {
      // The last word may overlap the one before it.
      if (at > last) at = last;
      const word = view.getInt32(at, true);
      if (word !== view.getInt32(at + other, true) || mayBeSpecial(word)) return unknown;
      if (at === last) return from + length + 1;
    }
  }

  /** @param from behind the opening quote. @returns behind the closing one */
  #text(from: number): number {
    const { bytes } = this;
    const view = this.#view;
    const end = this.#end;
    this.#escaped = false;
    for (let at = from; at < end; at += 1) {
      while (at + 4 <= end && !mayBeSpecial(view.getInt32(at, true))) at += 4;
      if (special[bytes[at]!] === 0) continue;
      if (bytes[at] === quote) return at + 1;
      if (bytes[at] !== backslash) return unknown;
      this.#escaped = true;
      at += 1;
      if (bytes[at] === 0x75 /* u */) {
        for (let more = 4; more > 0; more -= 1) if (!isHexadecimal(bytes[(at += 1)]!)) return unknown;
      } else if (!'"\\/bfnrt'.includes(String.fromCharCode(bytes[at]!))) return unknown;
    }
    return unknown;
  }

  /** Any value, of which nothing is asked. @returns behind it */
  #value(at: number, depth: number): number {
    const { bytes } = this;
    if (at >= this.#end || depth > depthMax) return unknown;
    switch (bytes[at]!) {
      case quote:
        return this.#text(at + 1);
      case openBrace:
        return bytes[at + 1] === closeBrace ? at + 2 : this.#members(at + 1, anything, depth + 1);
      case openBracket:
        return bytes[at + 1] === closeBracket ? at + 2 : this.#elements(at + 1, depth + 1);
      case 0x74 /* t */:
        return this.#word(at, 'true');
      case 0x66 /* f */:
        return this.#word(at, 'false');
      case 0x6e /* n */:
        return this.#word(at, 'null');
      default:
        return this.#number(at);
    }
  }

  #elements(from: number, depth: number): number {
    let at = from;
    for (;;) {
      at = this.#value(at, depth);
      if (at < 0) return unknown;
      const next = this.bytes[at];
      at += 1;
      if (next === closeBracket) return at;
      if (next !== comma) return unknown;
    }
  }

  #word(at: number, word: string): number {
    for (let index = 0; index < word.length; index += 1) {
      if (this.bytes[at + index] !== word.charCodeAt(index)) return unknown;
    }
    return at + word.length;
  }

  #number(from: number): number {
    const { bytes } = this;
    let at = bytes[from] === 0x2d /* - */ ? from + 1 : from;
    const whole = at;
    at = this.#digits(at);
    if (at === whole || (bytes[whole] === 0x30 && at > whole + 1)) return unknown;
    if (bytes[at] === 0x2e /* . */) {
      const fraction = at + 1;
      at = this.#digits(fraction);
      if (at === fraction) return unknown;
    }
    if (bytes[at] === 0x65 /* e */ || bytes[at] === 0x45) {
      const power = bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d ? at + 2 : at + 1;
      at = this.#digits(power);
      if (at === power) return unknown;
    }
    return at;
  }

  #digits(from: number): number {
    let at = from;
    while (digit[this.bytes[at]!] === 1) at += 1;
    return at;
  }
}

const anything: Shape = { fields: [], order: [] };

function kindOf(first: number): number {
  switch (first) {
    case openBrace:
      return kinds.object;
    case openBracket:
      return kinds.list;
    case 0x74:
      return kinds.true;
    case 0x66:
      return kinds.false;
    case 0x6e:
      return kinds.null;
    default:
      return kinds.number;
  }
}

function wordsOf(key: Buffer): Int32Array {
  const starts = Array.from({ length: Math.ceil(key.length / 4) }, (_, index) => Math.min(4 * index, key.length - 4));
  return Int32Array.from(starts, (start) => key.readInt32LE(start));
}

function keyAt(view: DataView, from: number, { length, words }: Field): boolean {
  if (from + length > view.byteLength) return false;
  const last = words.length - 1;
  for (let word = 0; word < last; word += 1) {
    if (view.getInt32(from + 4 * word, true) !== words[word]) return false;
  }
  return view.getInt32(from + length - 4, true) === words[last];
}

/** True for each word with a byte that `special` names, and for some others: of those the bytes are asked. */
const mayBeSpecial = (word: number): boolean =>
  (((word - 0x2020_2020) | ((word ^ 0x2222_2222) - 0x0101_0101) | ((word ^ 0x5c5c_5c5c) - 0x0101_0101)) &
    0x8080_8080) !==
  0;

const isHexadecimal = (byte: number): boolean =>
  digit[byte] === 1 || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
