// `postrider endpoints test`: one signed test event to one endpoint, through the guard and the sender of deliveries.

import { randomBytes, randomUUID } from 'node:crypto';
import type { EndpointId } from '@postrider/core/domain';
import { createSender } from '@postrider/http';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { egressOf } from '../egress.ts';
import { readEndpoints } from '../endpoint-table.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { testSendSlackMs } from '../limits.ts';
import { openSecrets } from '../secret-access.ts';
import type { Session } from '../session.ts';
import { shown } from '../table-text.ts';
import { sendTest } from '../test-send.ts';
import { testSendText } from '../test-send-text.ts';

export const addEndpointTest: AddCommand = (endpoints, runner) => {
  endpoints
    .command('test')
    .description('send one signed test event and print what happened, phase by phase; nothing is recorded')
    .argument('<id>', 'endpoint id')
    .addHelpText('before', examples('postrider endpoints test shop-eu', 'postrider endpoints test shop-eu --json'))
    .addHelpText('after', '\nExit code 0 when the endpoint took it, 1 when not.')
    .action((id: string, _options, command: Command) =>
      runner.bounded(command, (session) => testEndpoint(session, id as EndpointId)),
    );
};

async function testEndpoint(session: Session, id: EndpointId): Promise<ExitCode> {
  const { io, out, config, options } = session;
  const { guard } = egressOf(config);
  const { cluster } = await session.kafka();
  const { endpoints } = await readEndpoints(cluster, config.environment, options.timeoutMs);
  const endpoint = endpoints.get(id);
  if (!endpoint) throw new CliError('not-found', `there is no endpoint ${shown(id)} in ${config.environment}`);
  if (endpoint.status.kind !== 'enabled')
    out.note(`note: ${shown(id)} is ${endpoint.status.kind}: no delivery goes there, this test does`);
  const { now } = io.clock;
  const sender = createSender({ now, guard });
  session.waitFor(`the answer of ${shown(id)}`);
  try {
    const sent = await sendTest(endpoint, {
      sender,
      secrets: openSecrets(session).source,
      now,
      randomBytes,
      uuid: randomUUID,
      timeoutMsMax: Math.max(1, options.timeoutMs - testSendSlackMs),
      signal: io.interrupted,
    });
    out.document(sent, () => testSendText(sent, out));
    return sent.success ? exitCodes.ok : exitCodes.failure;
  } finally {
    await sender.close();
  }
}
