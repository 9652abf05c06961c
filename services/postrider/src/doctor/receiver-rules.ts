// What a handshake with a receiver came to, in words for whoever can mend it: name service, network, its operator or ours. Pure.

import type { TlsProbe } from '@postrider/http';
import { formatDuration } from '@postrider/runtime';
import { certificateWarningMs } from '../limits.ts';
import { findingsOf, type Finding } from './finding.ts';
import { listed } from './endpoint-rules.ts';

export interface ProbedReceiver {
  /** `host:port` */
  readonly subject: string;
  readonly endpoints: readonly string[];
  readonly probe: TlsProbe;
  /** Deliveries show a client certificate, and the probe did not. */
  readonly bare?: boolean;
}

const receivers = findingsOf('receivers');
const dns = findingsOf('dns');

export function judgeReceiver({ subject, endpoints, probe, bare = false }: ProbedReceiver, nowMs: number): Finding {
  const of = `(${listed(endpoints)})`;
  if (probe.ok) return judgeCertificate(subject, of, probe.expiresMs - nowMs, probe.protocol);
  const { stage, code } = probe;
  switch (stage) {
    case 'settings':
      return receivers.problem({ subject, what: `${code} ${of}`, mend: 'mend `url` or `tls` in the endpoints file' });
    case 'dns':
      return dns.problem({
        subject,
        what: `the name has no address: ${code} ${of}`,
        mend: 'look at the name in `url`, and at the name servers of this machine; egress.allowHosts maps a private name',
      });
    case 'vet':
      return receivers.problem({
        subject,
        what: `Postrider does not connect there: ${code} ${of}`,
        mend:
          code === 'port-not-allowed'
            ? 'port 443, or name this one in POSTRIDER_EGRESS_ALLOW_PORTS'
            : 'a public address, or name it in POSTRIDER_EGRESS_ALLOW_HOSTS',
      });
    case 'connect':
      return receivers.problem({
        subject,
        what: `no connection: ${code} ${of}`,
        mend: 'its operator looks whether it runs; ours whether a firewall lets us out',
      });
    case 'tls':
      if (bare) {
        const what = `no TLS without the client certificate, which is not shown here: ${code} ${of}`;
        return receivers.warning({
          subject,
          what,
          mend: 'send an event to it and look at `postrider deliveries list`',
        });
      }
      return receivers.problem({ subject, what: `no TLS: ${code} ${of}`, mend: tlsMend(code) });
  }
}

function judgeCertificate(subject: string, of: string, leftMs: number, protocol: string): Finding {
  if (leftMs >= certificateWarningMs || Number.isNaN(leftMs))
    return receivers.ok({ subject, what: `${protocol} ${of}` });
  const days = Math.floor(leftMs / 86_400_000);
  return receivers.warning({
    subject,
    what: `its certificate ends in ${days > 0 ? `${days} days` : formatDuration(Math.max(0, Math.round(leftMs / 1000) * 1000))} ${of}`,
    mend: 'its operator renews it',
  });
}

function tlsMend(code: string): string {
  if (/SELF_SIGNED|UNABLE_TO|DEPTH_ZERO/.test(code)) {
    return 'its operator sends the whole chain of certificates; a private authority goes into `tls.ca` of the endpoint';
  }
  if (/EXPIRED/.test(code)) return 'its operator renews the certificate; look at the clock here as well';
  if (/ALTNAME/.test(code)) return 'the name in `url` must be one of the certificate';
  if (/PROTOCOL|VERSION/.test(code)) return 'its operator offers TLS 1.2 or 1.3';
  return 'its operator looks at the TLS settings of the receiver';
}
