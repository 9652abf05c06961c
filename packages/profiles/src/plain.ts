// `plain`: the event's data as it came, no signature. The customer's authentication header, if any, is added for all
// profiles alike.

import { standardMaxAgeMs, standardTimeoutMs } from './limits.ts';
import { checkOptionTable } from './option-check.ts';
import type { Profile } from './profile.ts';
import { checkSecretsFor } from './secret-check.ts';
import { userAgent } from './user-agent.ts';

export const plain: Profile = {
  name: 'plain',
  defaults: {
    timeoutMs: standardTimeoutMs,
    retry: 'standard',
    maxAgeMs: standardMaxAgeMs,
    successStatus: [[200, 299]],
    contentType: 'application/json',
    userAgent,
  },
  ownHeaders: ['postrider-dispatch-id'],
  sendsDispatchId: true,
  keyPurpose: undefined,
  checkOptions: (options) => checkOptionTable(options, { userAgent: 'text' }),
  warnings: () => [],
  checkSecrets: (secrets) => checkSecretsFor('plain', secrets),
  buildBody: (event) =>
    event.data.length === 0 ? { ok: false, reason: 'profile:data' } : { ok: true, body: event.data },
  sign: () => ({ ok: true, headers: [], keyIds: [] }),
};
