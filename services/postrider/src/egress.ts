// The egress guard from the configuration: one object for deliveries, the endpoint file, and every command that connects.

import { createEgressGuard, readEgressPolicy, type EgressGuard } from '@postrider/http';
import { CliError } from './failure.ts';
import type { PostriderConfig } from './settings.ts';

export interface Egress {
  readonly guard: EgressGuard;
  /** One line for each escape hatch that is open. */
  readonly notices: readonly string[];
}

/** @throws CliError `config` with everything that is wrong with the `egress.` settings */
export function egressOf(config: PostriderConfig): Egress {
  const read = readEgressPolicy({
    environment: config.environment,
    allowHosts: config['egress.allowHosts'],
    allowPorts: config['egress.allowPorts'],
    allowCidrs: config['egress.allowCidrs'],
    ownAddresses: config['egress.ownAddresses'],
    allowPrivateInLive: config['egress.allowPrivateInLive'],
  });
  if (!read.ok) throw new CliError('config', read.problems.map((problem) => `egress.${problem}`).join('; '));
  return { guard: createEgressGuard(read.policy), notices: read.policy.notices };
}
