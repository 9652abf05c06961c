// Options of a profile as one writes them on a command line: `signedText=body`, `encryption.cipher=aes-256-gcm`.

import { CliError } from './failure.ts';

type OptionTree = { [name: string]: string | boolean | OptionTree };

/**
 * `name=value` pairs as the options of an endpoint file: `true` and `false` are booleans, a dot in the name goes one level
 * down. What they mean is judged by the profile.
 * @throws CliError `usage`
 */
export function readProfileOptions(pairs: readonly string[]): Readonly<Record<string, unknown>> {
  const options: OptionTree = Object.create(null) as OptionTree;
  for (const pair of pairs) {
    const cut = pair.indexOf('=');
    const steps = pair.slice(0, Math.max(cut, 0)).split('.');
    const last = steps.pop() ?? '';
    if (cut < 1 || [...steps, last].includes('')) throw new CliError('usage', `--option ${pair}: expected name=value`);
    let level = options;
    for (const step of steps) {
      const below = level[step] ?? (Object.create(null) as OptionTree);
      if (typeof below !== 'object') throw new CliError('usage', `--option ${pair}: ${step} has a value already`);
      level = level[step] = below;
    }
    if (level[last] !== undefined) throw new CliError('usage', `--option ${pair}: ${last} is given twice`);
    const text = pair.slice(cut + 1);
    level[last] = text === 'true' || text === 'false' ? text === 'true' : text;
  }
  return options;
}
