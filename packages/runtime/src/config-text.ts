// Environment and command line hand over text only; the row's schema says what is meant by it.

import type { z } from 'zod';

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/**
 * The value that `text` means for a schema: numbers and booleans become such, a list is split at commas, everything else
 * stays text. What does not fit is handed on as it is, so that the schema names the fault.
 */
export function valueOfText(schema: z.core.$ZodType, text: string): unknown {
  const kind = unwrapped(schema);
  switch (kind.type) {
    case 'number': {
      const trimmed = text.trim();
      const number = Number(trimmed);
      return trimmed === '' || Number.isNaN(number) ? text : number;
    }
    case 'boolean':
      return truths[text.trim().toLowerCase()] ?? text;
    case 'array':
      return listOfText(text).map((item) => (kind.element ? valueOfText(kind.element, item) : item));
    default:
      return text;
  }
}

/** Whether a row takes a list, so that a lone text in the file may stand for one: `brokers: 127.0.0.1:9092`. */
export function takesList(schema: z.core.$ZodType): boolean {
  return unwrapped(schema).type === 'array';
}

function listOfText(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

interface Kind {
  readonly type: string;
  readonly element: z.core.$ZodType | undefined;
}

/** The kind of value a schema reads, seen through optional(), default(), transforms and the like. */
function unwrapped(schema: z.core.$ZodType): Kind {
  const def = schema._zod.def as {
    readonly type: string;
    readonly innerType?: z.core.$ZodType;
    readonly in?: z.core.$ZodType;
    readonly element?: z.core.$ZodType;
  };
  const inner = def.innerType ?? def.in;
  return inner ? unwrapped(inner) : { type: def.type, element: def.element };
}
