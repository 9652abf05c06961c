// The one place where a connection is made: look-up → vetting → TCP → TLS, each timed, each failure with its stage.
// The egress guard hangs here (`vet`), between look-up and dialling.

import { isIP, type TcpNetConnectOpts } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls';

import { codeOf, ConnectFailure, type ConnectStage } from './connect-failure.ts';
import { parseIpAddress } from './ip-address.ts';
import { addressesDialledMax, addressTimeoutMsMax } from './limits.ts';
import type { ConnectTarget, ResolvedAddress, Resolver, Vet } from './resolver.ts';

/** Times of the steps of a new connection that were finished, ms with fractions. */
export interface ConnectPhases {
  dnsMs?: number;
  connectMs?: number;
  tlsMs?: number;
}

export interface ConnectSetup {
  readonly resolver: Resolver;
  readonly allowHosts: ReadonlyMap<string, ResolvedAddress>;
  readonly vet: Vet;
  readonly connectTimeoutMs: number;
  readonly dnsTimeoutMs: number;
}

/** The types of `tls.connect` leave out what it passes on to `net.connect`. */
type DialOptions = ConnectionOptions & Pick<TcpNetConnectOpts, 'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout'>;

export type Connected = (error: ConnectFailure | null, socket: TLSSocket | null) => void;

export class ConnectionAttempt {
  #stage: ConnectStage = 'dns';
  #socket: TLSSocket | undefined;
  #done: Connected | undefined;
  #stepStartedMs = performance.now();
  readonly #limit: NodeJS.Timeout;
  readonly phases: ConnectPhases = {};

  /** Starts at once; `done` is called exactly once and never before this returns. */
  constructor(
    target: { readonly host: string; readonly port: number },
    setup: ConnectSetup,
    secureContext: SecureContext,
    done: Connected,
  ) {
    this.#done = done;
    this.#limit = setTimeout(() => this.abort('ETIMEDOUT'), setup.connectTimeoutMs);
    void this.#open(target, setup, secureContext);
  }

  get stage(): ConnectStage {
    return this.#stage;
  }

  /** Gives up; nothing of the request has been written. */
  abort(code: string): void {
    this.#fail(this.#stage, code);
  }

  async #open(
    { host, port }: { readonly host: string; readonly port: number },
    setup: ConnectSetup,
    secureContext: SecureContext,
  ): Promise<void> {
    let target: ConnectTarget;
    try {
      target = { host, port, ...(await addressesOf(host, setup)) };
    } catch (error) {
      this.#fail('dns', codeOf(error));
      return;
    }
    if (this.#done === undefined) return; // aborted meanwhile
    this.phases.dnsMs = this.#endStep('vet');
    const verdict = setup.vet(target);
    if (!verdict.ok) {
      this.#fail('vet', verdict.reason);
      return;
    }
    this.#stage = 'connect';
    this.#dial(target, secureContext, setup.connectTimeoutMs);
  }

  #dial(target: ConnectTarget, secureContext: SecureContext, connectTimeoutMs: number): void {
    const { host, port } = target;
    const addresses = target.addresses.slice(0, addressesDialledMax);
    const options: DialOptions = {
      host,
      port,
      servername: isIP(host) === 0 ? host : '',
      secureContext,
      // Said here as well as in the context: no environment variable or default may weaken them.
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      autoSelectFamily: addresses.length > 1,
      // Node gives up each address but the last after 250 ms, and for good: a far receiver whose last one is out of reach is lost.
      autoSelectFamilyAttemptTimeout: Math.min(addressTimeoutMsMax, Math.ceil(connectTimeoutMs / addresses.length)),
      // Node asks for the addresses again; it gets those that were vetted. (It never asks for a literal.)
      lookup: (_host, { all }, callback) => {
        if (all === true) callback(null, addresses);
        else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
      },
    };
    const socket = tlsConnect(options);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('connect', () => {
      const { remoteAddress } = socket;
      // Reset as soon as it was accepted, as by a load balancer with nobody behind it: there is no peer any more to vet.
      if (remoteAddress === undefined) {
        this.#fail('connect', 'ECONNRESET');
        return;
      }
      if (!isOneOf(addresses, remoteAddress)) {
        this.#fail('vet', 'connected to an address that was not vetted');
        return;
      }
      this.phases.connectMs = this.#endStep('tls');
    });
    socket.once('secureConnect', () => {
      this.phases.tlsMs = this.#endStep('tls');
      this.#settle(null, socket);
    });
    // Both stay on: an error after a failure was reported must not become an uncaught one.
    socket.on('error', (error) => this.#fail(this.#stage, codeOf(error)));
    socket.once('close', () => this.#fail(this.#stage, 'ECONNRESET'));
  }

  #fail(stage: ConnectStage, code: string): void {
    if (this.#done === undefined) return; // every connection that was used ends here some day
    this.#socket?.destroy();
    this.#settle(new ConnectFailure(stage, code), null);
  }

  #settle(error: ConnectFailure | null, socket: TLSSocket | null): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    clearTimeout(this.#limit);
    done(error, socket);
  }

  #endStep(next: ConnectStage): number {
    const nowMs = performance.now();
    const tookMs = nowMs - this.#stepStartedMs;
    this.#stepStartedMs = nowMs;
    this.#stage = next;
    return tookMs;
  }
}

async function addressesOf(host: string, setup: ConnectSetup): Promise<Pick<ConnectTarget, 'addresses' | 'source'>> {
  const family = isIP(host);
  if (family === 4 || family === 6) return { addresses: [{ address: host, family }], source: 'literal' };
  const allowed = setup.allowHosts.get(host);
  if (allowed !== undefined) return { addresses: [allowed], source: 'allow-hosts' };
  const addresses = await setup.resolver.resolve(host, setup.dnsTimeoutMs);
  if (addresses.length === 0) throw new ConnectFailure('dns', 'ENODATA');
  return { addresses, source: 'resolver' };
}

/** Compares numerically: an IPv6 address has many spellings. */
function isOneOf(addresses: readonly ResolvedAddress[], remote: string): boolean {
  const peer = parseIpAddress(remote);
  if (peer === undefined) return false;
  return addresses.some(({ address }) => {
    const vetted = parseIpAddress(address);
    return vetted?.family === peer.family && vetted.value === peer.value;
  });
}
