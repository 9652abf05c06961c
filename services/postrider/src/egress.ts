// The egress guard from the configuration: one object for deliveries, the endpoint file, and every command that connects.

import { createEgressGuard, readEgressPolicy, type EgressGuard } from '@postrider/http';
import { CliError } from './failure.ts';
import type { PostriderConfig } from './settings.ts';

export interface Egress {
  readonly guard: EgressGuard;
  /** One line for each escape hatch that is open. */
  readonly notices: readonly string[];
}

export type EgressSettings = Pick<
  PostriderConfig,
  | 'environment'
  | 'egress.allowHosts'
  | 'egress.allowPorts'
  | 'egress.allowCidrs'
  | 'egress.ownAddresses'
  | 'egress.allowPrivateInLive'
>;

/** What the settings mean, or everything that is wrong with them. */
export function egressPolicy(config: EgressSettings): ReturnType<typeof readEgressPolicy> {
  return readEgressPolicy({
    environment: config.environment,
    allowHosts: config['egress.allowHosts'],
    allowPorts: config['egress.allowPorts'],
    allowCidrs: config['egress.allowCidrs'],
    ownAddresses: config['egress.ownAddresses'],
    allowPrivateInLive: config['egress.allowPrivateInLive'],
  });
}

/** @param config as `loadSettings` gives it: what is wrong with these settings was refused there */
export function egressOf(config: EgressSettings): Egress {
  const read = egressPolicy(config);
  if (!read.ok) throw new CliError('config', read.problems.join('; '));
  return { guard: createEgressGuard(read.policy), notices: read.policy.notices };
}
