// Flags that `sign` and `verify` have in common: the scheme, its options, and the secrets.

import { profileNames } from '@postrider/profiles';
import { Option, type Command } from 'commander';
import { optionValue } from './command-runner.ts';

export interface SchemeFlags {
  readonly profile: string;
  readonly secretFile?: readonly string[];
  readonly keyId?: readonly string[];
  readonly option?: readonly string[];
}

export function addSchemeFlags(command: Command): Command {
  return command
    .addOption(new Option('--profile <name>', 'signing scheme').choices(profileNames).makeOptionMandatory())
    .option('--secret-file <path>', 'file that holds the secret; repeatable', optionValue.repeated)
    .option(
      '--key-id <id>',
      'id of the secret at the same place (envoy: kid, pomelo: api key); repeatable',
      optionValue.repeated,
    )
    .option(
      '--option <name=value>',
      'option of the profile, such as algorithm=sha512; repeatable',
      optionValue.repeated,
    );
}
