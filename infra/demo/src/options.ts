// Command line of `npm start`.

import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly once: boolean;
  readonly json: boolean;
  readonly events: number;
}

export const usage = `Examples
  npm start                          start everything, show sample deliveries, keep running until Ctrl-C
  npm start -- --once                stop when every sample event is settled and audited
  npm start -- --once --json         the same; the last line of stdout is one JSON document

Options
  --once            exit 0 when all samples are settled and audited, 1 when something was lost
  --json            stdout carries one JSON line at the end, everything else goes to stderr
  --events <n>      sample verifications to publish (default 6)
  --help

POSTRIDER_KAFKA_BROKERS and POSTRIDER_POSTGRES_URL use servers of yours instead of the embedded ones.
`;

/** Parses arguments; a string is what to tell the user who typed something else. */
export function parseOptions(args: readonly string[]): DemoOptions | 'help' | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        events: { type: 'string', default: '6' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return 'help';
    const events = Number(values.events);
    if (!Number.isInteger(events) || events < 1 || events > 10_000)
      return { problem: '--events takes a whole number from 1 to 10000' };
    return { once: values.once, json: values.json, events };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
