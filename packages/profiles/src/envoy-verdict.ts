// What came of the one attempt, in the four words that the caller acts on.
//
//   connect, TLS, DNS, timeout, reset, 5xx, 429   unavailable  (the caller says "service unavailable")
//   any other status                              invalid(status <n>); 401 = the receiver refused our token
//   a reply that is malformed, or not theirs      invalid(<exact reason>)
//   our own abort (the counterparty gave up)      cancelled

import { checkReply } from './envoy-reply.ts';
import { serverAuthorizationProblem } from './envoy-server-authorization.ts';
import { replyBytesMax } from './limits.ts';
import type { ProfileOptions } from './profile.ts';
import type { ReplyInput, ReplyVerdict } from './reply-rule.ts';

/** Judges the attempt. Pure, and total over whatever a response can hold. */
export function judgeEnvoyReply(input: ReplyInput): ReplyVerdict {
  const { exchange, response, options } = input;
  if (exchange.kind === 'failure') return failed(exchange.failure);
  const { status } = exchange;
  if (status >= 500 || status === 429)
    return { outcome: 'unavailable', kind: 'http-status', reason: `status ${status}` };
  if (status !== 200 && !(options['any2xx'] === true && status >= 200 && status <= 299)) {
    return { outcome: 'invalid', kind: 'http-status', reason: `status ${status}` };
  }
  if (response === undefined) return { outcome: 'unavailable', kind: 'reset', reason: 'the reply was cut off' };
  if (response.truncated) return invalid(`reply is larger than ${replyBytesMax} bytes`);
  if (exchange.bodyCut) return { outcome: 'unavailable', kind: 'reset', reason: 'the reply was cut off' };
  const sent = (lowerName: string): string | undefined => sentHeader(input.sentHeaders, lowerName);
  const mode = serverAuthMode(options);
  if (mode !== undefined) {
    const problem = serverAuthorizationProblem({ mode, header: response.header, sent, secrets: input.secrets });
    if (problem !== undefined) return { outcome: 'invalid', kind: 'server-auth', reason: problem };
  }
  const checked = checkReply({
    status,
    contentType: response.header('content-type'),
    contentEncoding: response.header('content-encoding'),
    bytes: response.bytes,
    request: { transactionId: sent('x-transfer-id') ?? '' },
    options,
  });
  return checked.ok ? { outcome: 'replied', kind: 'success', reply: checked.reply } : invalid(checked.reason);
}

/** The option `serverAuth`: off unless asked for; `true` is the stricter of the two. */
export function serverAuthMode(options: ProfileOptions): 'envoy' | 'strict' | undefined {
  const option = options['serverAuth'];
  if (option === 'envoy' || option === 'strict') return option;
  return option === true ? 'strict' : undefined;
}

function failed(failure: Extract<ReplyInput['exchange'], { kind: 'failure' }>['failure']): ReplyVerdict {
  switch (failure) {
    case 'cancelled':
      return { outcome: 'cancelled', kind: failure, reason: 'deadline' };
    case 'response-too-large':
      return { outcome: 'invalid', kind: failure, reason: 'the header block of the reply is too large' };
    case 'timeout':
    case 'connect':
    case 'reset':
    case 'dns':
    case 'tls':
    case 'blocked-address':
    case 'invalid-configuration':
      return { outcome: 'unavailable', kind: failure, reason: failure };
  }
}

function invalid(reason: string): ReplyVerdict {
  return { outcome: 'invalid', kind: 'invalid-reply', reason };
}

function sentHeader(flat: readonly string[], lowerName: string): string | undefined {
  for (let n = 0; n < flat.length; n += 2) if (flat[n]?.toLowerCase() === lowerName) return flat[n + 1];
  return undefined;
}
