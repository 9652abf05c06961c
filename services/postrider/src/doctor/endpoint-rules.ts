// What the endpoint table itself shows: nothing to deliver to, endpoints that take nothing, records nobody can read. Pure.

import type { Endpoint, GoneVersions } from '@postrider/core/domain';
import type { SecretProblem } from '@postrider/runtime';
import { counted, momentText, shown } from '../table-text.ts';
import { findingsOf, type Finding } from './finding.ts';

const endpointFindings = findingsOf('endpoints');
const secretFindings = findingsOf('secrets');

export function judgeEndpoints(
  endpoints: readonly Endpoint[],
  invalid: readonly { readonly key: string; readonly problem: string }[],
  gone: Pick<GoneVersions, 'sinceMs'>,
): Finding[] {
  const { ok, warning, problem } = endpointFindings;
  const found: Finding[] = invalid.map(({ key, problem: what }) =>
    problem({
      subject: shown(key),
      what: `its record cannot be read, the version before it stays in force: ${shown(what)}`,
      mend: 'apply it again with `postrider endpoints apply <file>`',
    }),
  );
  if (endpoints.length === 0) {
    const what = 'none: convergence waits instead of taking events for nobody’s';
    found.push(problem({ subject: 'endpoints', what, mend: 'run `postrider endpoints apply <file>`' }));
  }
  for (const endpoint of endpoints) {
    const { endpointId: subject, status, version } = endpoint;
    const goneMs = status.kind === 'disabled' ? undefined : gone.sinceMs(endpoint);
    if (goneMs !== undefined)
      found.push(
        warning({
          subject,
          what: `answered 410 on ${momentText(goneMs)}: nothing is sent to version ${version}, its deliveries become dead letters`,
          mend: `delete it, or \`postrider endpoints apply <file> --renew ${subject}\` when it should take events again`,
        }),
      );
    if (status.kind === 'enabled') continue;
    const why = status.reason === undefined ? '' : `: ${shown(status.reason)}`;
    const effect = status.kind === 'paused' ? 'its deliveries wait' : 'its deliveries become dead letters';
    found.push(
      warning({
        subject,
        what: `is ${status.kind}${why}; ${effect}`,
        mend: 'set `status: enabled` in the endpoints file and apply it, when it should take events again',
      }),
    );
  }
  if (found.length > 0) return found;
  return [ok({ subject: counted(endpoints.length, 'endpoint'), what: 'enabled' })];
}

/** What dispatch will ask for now, by reference, or by `endpoint/id` where it is wrapped: expired ones are never asked for. */
export function neededSecrets(endpoints: readonly Endpoint[], nowMs: number): Map<string, string[]> {
  const byRef = new Map<string, string[]>();
  for (const { endpointId, status, secrets } of endpoints) {
    if (status.kind === 'disabled') continue;
    for (const { id, ref, notAfterMs } of secrets) {
      if (notAfterMs !== undefined && notAfterMs <= nowMs) continue;
      const name = ref ?? `${endpointId}/${id}`;
      byRef.set(name, [...(byRef.get(name) ?? []), endpointId]);
    }
  }
  return byRef;
}

export function judgeSecrets(
  needed: ReadonlyMap<string, readonly string[]>,
  problems: readonly SecretProblem[],
): Finding[] {
  const { ok, warning } = secretFindings;
  if (problems.length === 0) return [ok({ subject: counted(needed.size, 'secret'), what: 'can be had here' })];
  return problems.map(({ ref, message }) =>
    warning({
      subject: ref,
      what: `${message}, looked for here; without it deliveries to ${listed(needed.get(ref) ?? [])} are put off, now or when it begins`,
      mend: 'provide it where dispatch runs, and run doctor there',
    }),
  );
}

/** The first few of a list. */
export function listed(ids: readonly string[], most = 3): string {
  const more = ids.length - most;
  return ids.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
