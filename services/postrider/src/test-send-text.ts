// A test send as a person reads it: what was sent, phase by phase what happened, what came back.

import { outcomeText } from '@postrider/core/domain';
import { excerptCharsMax } from './limits.ts';
import type { Output } from './output.ts';
import { shown } from './table-text.ts';
import type { TestSend } from './test-send.ts';

export function testSendText(sent: TestSend, out: Output): string {
  const { phases, response, status, detail } = sent;
  const line = (name: string, text: string): string => `  ${name.padEnd(10)}  ${text}`;
  const phase = (name: string, ms: number | undefined, hint = ''): string[] =>
    ms === undefined ? [] : [line(name, `${ms.toFixed(1).padStart(8)} ms${hint}`)];
  const ending = shown(outcomeText(String(status ?? sent.outcome), detail));
  const excerpt = shown(response?.excerpt.slice(0, excerptCharsMax));
  const more = response && (response.truncated || response.excerpt.length > excerptCharsMax) ? ' …' : '';
  return [
    `${sent.method} ${shown(sent.url)}  ${sent.eventType} as ${sent.dispatch} (a test: nothing of it is recorded)`,
    line('keys', sent.keyIds.length === 0 ? 'none' : sent.keyIds.map((id) => shown(id)).join(', ')),
    line('profile', `${sent.profile}, ${sent.requestBytes} bytes`),
    ...phase('dns', phases.dnsMs),
    ...phase('connect', phases.connectMs),
    ...phase('tls', phases.tlsMs),
    ...phase('first byte', phases.firstByteMs, ' from the start'),
    ...phase('total', sent.totalMs),
    ...(response ? [line('response', `${response.bytes} bytes  ${excerpt}${more}`.trimEnd())] : []),
    `${sent.success ? out.paint('good', 'success') : out.paint('bad', 'failed')}  ${ending}`,
  ].join('\n');
}
