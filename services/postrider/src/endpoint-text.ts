// Endpoints and their changes as a person reads them.

import { breakerPolicyOf, type Endpoint } from '@postrider/core/domain';
import { formatDuration } from '@postrider/runtime';
import type { EndpointChange } from './endpoint-changes.ts';
import { shownEndpoint } from './keys/secret-facts.ts';
import type { Output } from './output.ts';
import { counted, momentText, shown, tableText } from './table-text.ts';

const signs: Readonly<Record<EndpointChange['kind'], string>> = {
  created: '+',
  changed: '~',
  unchanged: '=',
  deleted: '-',
  missing: '?',
  foreign: '!',
};

export function changesText(changes: readonly EndpointChange[], out: Output, dryRun: boolean): string {
  const lines = changes.flatMap((change): string[] => {
    const sign = signs[change.kind];
    switch (change.kind) {
      case 'created':
        return [out.paint('good', `${sign} ${change.after.endpointId}  ${change.after.url}`)];
      case 'changed':
        return [
          out.paint(
            'warn',
            `${sign} ${change.after.endpointId}  version ${change.after.version}: ${change.fields.join(', ')}`,
          ),
        ];
      case 'deleted':
        return [out.paint('bad', `${sign} ${change.before.endpointId}  ${change.before.url}`)];
      case 'missing':
        return [`${sign} ${change.before.endpointId}  is not in the file; --prune deletes it`];
      case 'unchanged':
      case 'foreign':
        return [];
    }
  });
  const count = (kind: EndpointChange['kind']): number => changes.filter((change) => change.kind === kind).length;
  const summary = (['created', 'changed', 'unchanged', 'deleted', 'missing'] as const)
    .map((kind) => `${count(kind)} ${kind === 'missing' ? 'not in the file' : kind}`)
    .join(', ');
  return [...lines, `${summary}${dryRun ? ' (dry run: nothing was written)' : ''}`].join('\n');
}

export function changeJson(change: EndpointChange): Record<string, unknown> {
  const endpoint = change.kind === 'created' ? change.after : change.before;
  return {
    kind: change.kind,
    endpoint: endpoint.endpointId,
    before: change.kind === 'created' ? null : shownEndpoint(change.before),
    after: change.kind === 'created' || change.kind === 'changed' ? shownEndpoint(change.after) : null,
    fields: change.kind === 'changed' ? change.fields : [],
  };
}

export function listText(endpoints: readonly (Endpoint & { readonly goneSince: string | null })[]): string {
  if (endpoints.length === 0) return 'no endpoints';
  const rows = endpoints.map((e) => [
    e.endpointId,
    e.projectId,
    e.status.kind + (e.goneSince === null ? '' : ', gone'),
    e.profile,
    e.eventTypes.join(','),
    e.url,
  ]);
  return tableText(
    ['ENDPOINT', 'PROJECT', 'STATUS', 'PROFILE', 'EVENT TYPES', 'URL'],
    rows.map((row) => row.map(shown)),
  );
}

/** @param goneSince when this version answered 410, if it did: what the file says is then not what happens */
export function showText(e: Endpoint, goneSince: string | null): string {
  const reason = 'reason' in e.status && e.status.reason !== undefined ? ` (${e.status.reason})` : '';
  const rows: [string, string][] = [
    ['endpoint', `${e.endpointId} (version ${e.version}, managed by ${e.managedBy})`],
    ['project', e.projectId],
    ['status', `${e.status.kind}${reason}${goneSince === null ? '' : ', but gone: it answered 410'}`],
    ['url', `${e.method} ${e.url}`],
    ['event types', e.eventTypes.join(', ')],
    [
      'profile',
      [
        e.profile,
        ...Object.entries(e.profileOptions).map(
          ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
        ),
      ].join(' '),
    ],
    [
      'headers',
      Object.entries(e.headers)
        .map(([name, value]) => `${name}: ${value}`)
        .join(', ') || 'none',
    ],
    ['auth', e.auth ? `${e.auth.header}${e.auth.scheme === undefined ? '' : ` (${e.auth.scheme})`}` : 'none'],
    ['timeout', formatDuration(e.timeoutMs)],
    ['retry', retryText(e)],
    ['max age', formatDuration(e.maxAgeMs)],
    ['success', e.successStatus.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(', ')],
    ['responses', e.keepResponse === false ? 'bodies are not kept' : 'bodies are kept for the audit'],
    ['concurrency', `${e.concurrency}${e.ratePerSecond === undefined ? '' : `, ${e.ratePerSecond} a second`}`],
    ['breaker', breakerText(e)],
    ['tls', e.tls?.ca === undefined ? 'public certificates' : 'certificates of its own'],
    ...e.secrets.map((secret): [string, string] => [
      'secret',
      `${secret.id} for ${secret.purpose}: ${secret.ref ?? `wrapped under ${secret.kekId}`}${validity(secret)}`,
    ]),
    ['updated', `${momentText(Date.parse(e.updatedAt))} by ${e.updatedBy}`],
  ];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(13)}${shown(value)}`).join('\n');
}

function breakerText({ breaker }: Endpoint): string {
  const policy = breakerPolicyOf(breaker);
  if (!policy) return 'off';
  const { failures, failureShare, openMs, openMsMax, probes } = policy;
  const open = `open for ${formatDuration(openMs)} up to ${formatDuration(openMsMax)}, ${counted(probes, 'probe')} at once`;
  return `${failures} failures in a row, or ${Math.round(failureShare * 100)} % of a window; ${open}`;
}

function retryText({ retry }: Endpoint): string {
  switch (retry.kind) {
    case 'named':
      return retry.name;
    case 'delays':
      return retry.delaysMs.map(formatDuration).join(', ') || 'none';
    case 'exponential':
      return `${retry.count} times from ${formatDuration(retry.baseMs)} by ${retry.factor} up to ${formatDuration(retry.capMs)}`;
  }
}

function validity({
  notBeforeMs,
  notAfterMs,
}: {
  readonly notBeforeMs?: number | undefined;
  readonly notAfterMs?: number | undefined;
}): string {
  return `${notBeforeMs === undefined ? '' : `, from ${momentText(notBeforeMs)}`}${notAfterMs === undefined ? '' : `, until ${momentText(notAfterMs)}`}`;
}
