// A sender as a deployment would build it, with a guard that lets it reach loopback under one name.

import {
  createEgressGuard,
  createSender,
  readEgressPolicy,
  type EgressGuard,
  type EgressSettings,
  type Sender,
  type SenderOptions,
  type SendRequest,
  type SendResult,
} from '@postrider/http';

/** The name that `guardedSender` maps to loopback. */
export const receiverHost = 'receiver.postrider.example';

/** Throws when the settings are wrong: a mistake in the test. */
export function guardOf(settings: Partial<EgressSettings> = {}): EgressGuard {
  const read = readEgressPolicy({ environment: 'test', ...settings });
  if (!read.ok) throw new Error(read.problems.join('; '));
  return createEgressGuard(read.policy);
}

/** Reaches `receiverHost` on any port, and whatever `settings` add. */
export function guardedSender(options: Partial<SenderOptions> = {}, settings: Partial<EgressSettings> = {}): Sender {
  const guard = guardOf({ allowHosts: [`${receiverHost}=127.0.0.1`], allowPorts: ['1-65535'], ...settings });
  return createSender({ now: Date.now, guard, ...options });
}

/** A POST of a small body to `https://<receiverHost>:<port>/`, with 5 s for all of it. */
export function sendTo(
  sender: Sender,
  port: number,
  change: Partial<SendRequest> & { host?: string } = {},
): Promise<SendResult> {
  const { host = receiverHost, ...request } = change;
  return sender.send({
    url: new URL(`https://${host}:${port}/`),
    method: 'POST',
    headers: ['content-type', 'application/json'],
    body: Buffer.from('{}'),
    timeoutMs: 5_000,
    ...request,
  });
}
