// A proxy before every broker of a cluster that Kafka clients cannot pass by: it puts its own addresses into the
// answers that name brokers. It counts requests, and can drop, hold or change single requests and answers.

import { apiKeys, FrameSplitter, replaceAddresses, requestHead, responseCorrelation } from './kafka-frames.ts';
import type { ApiName, RequestHead } from './kafka-frames.ts';
import { startTcpProxy, type Interceptor, type ProxiedConnection, type TcpProxy } from './tcp-proxy.ts';

/**
 * - `drop`: never arrives, the connection stays.
 * - `reset`: never arrives, the connection is reset instead.
 * - `hold`: arrives after `release`.
 * - a function: arrives changed.
 */
export type FrameAction = 'drop' | 'reset' | 'hold' | ((frame: Buffer, head: RequestHead) => Buffer);

export interface FrameRule {
  api: ApiName;
  /** `response`: the broker has done what was asked, and the client does not learn of it. */
  side: 'request' | 'response';
  action: FrameAction;
  /** Which of the matching frames since the rule was made, from 1; default: every one. */
  nth?: number | readonly number[];
  /** Looks at the request's frame. Default: all. */
  only?(request: Buffer): boolean;
}

export interface ActiveRule {
  /** Frames it was applied to. */
  hits(): number;
  /** Resolves with the first hit. */
  readonly hit: Promise<void>;
  /** Ends the rule and lets go what it holds. */
  release(): void;
}

export interface KafkaProxy {
  /** What clients connect to, in the order of the brokers. */
  readonly brokers: string[];
  /** One for each broker, in their order, for faults of the connection itself. */
  readonly nodes: TcpProxy[];
  add(rule: FrameRule): ActiveRule;
  /** Requests seen so far; `of` looks at their frames. */
  requests(api: ApiName): number;
  /** Called with every request's frame, before any rule. */
  watch(api: ApiName, onRequest: (frame: Buffer, head: RequestHead) => void): void;
  stop(): Promise<void>;
}

interface Rule extends FrameRule {
  matched: number;
  applied: number;
  hitNow(): void;
  held: (() => void)[];
}

/** @param brokers addresses as the brokers advertise them */
export async function startKafkaProxy(options: { brokers: readonly string[]; seed?: number }): Promise<KafkaProxy> {
  const rules = new Set<Rule>();
  const counts = new Map<number, number>();
  const watchers: { apiKey: number; onRequest: (frame: Buffer, head: RequestHead) => void }[] = [];
  const places = new Map<string, number>();

  function intercept(connection: ProxiedConnection): Interceptor {
    const requests = new FrameSplitter();
    const responses = new FrameSplitter();
    const asked = new Map<number, { head: RequestHead; request: Buffer }>();
    const pass = { request: connection.toServer, response: connection.toClient };

    function apply(side: 'request' | 'response', head: RequestHead, request: Buffer, frame: Buffer): void {
      const rule = chosen(side, head, request);
      if (rule === undefined) return pass[side](frame);
      rule.applied += 1;
      if (rule.action === 'hold') rule.held.push(() => pass[side](frame));
      else if (rule.action === 'reset') connection.reset();
      else if (rule.action !== 'drop') pass[side](rule.action(frame, head));
      rule.hitNow();
    }

    return {
      fromClient(bytes) {
        for (const frame of requests.push(bytes)) {
          const head = requestHead(frame);
          counts.set(head.apiKey, (counts.get(head.apiKey) ?? 0) + 1);
          for (const { apiKey, onRequest } of watchers) if (apiKey === head.apiKey) onRequest(frame, head);
          asked.set(head.correlationId, { head, request: frame });
          apply('request', head, frame, frame);
        }
      },
      fromServer(bytes) {
        for (const frame of responses.push(bytes)) {
          const question = asked.get(responseCorrelation(frame));
          if (question === undefined) return connection.reset();
          asked.delete(responseCorrelation(frame));
          const { head, request } = question;
          apply('response', head, request, replaceAddresses(head, frame, proxied));
        }
      },
    };
  }

  /** The rule for this frame; every rule that matches counts it, the first whose turn it is acts. */
  function chosen(side: 'request' | 'response', head: RequestHead, request: Buffer): Rule | undefined {
    let acting: Rule | undefined;
    for (const rule of rules) {
      if (rule.side !== side || apiKeys[rule.api] !== head.apiKey || rule.only?.(request) === false) continue;
      rule.matched += 1;
      const turn = rule.nth === undefined || [rule.nth].flat().includes(rule.matched);
      if (turn) acting ??= rule;
    }
    return acting;
  }

  /** An unknown broker would be reached around the proxy: better not at all. */
  function proxied({ host, port }: { host: string; port: number }): { host: string; port: number } {
    return { host: '127.0.0.1', port: places.get(`${host}:${port}`) ?? 1 };
  }

  const nodes = await Promise.all(
    options.brokers.map((broker, index) => {
      const [host = '', port = ''] = broker.split(':');
      return startTcpProxy({ target: { host, port: Number(port) }, seed: (options.seed ?? 1) + index, intercept });
    }),
  );
  options.brokers.forEach((broker, index) => places.set(broker, nodes[index]?.port ?? 1));

  return {
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    nodes,
    add(wanted) {
      const hit = Promise.withResolvers<void>();
      const rule: Rule = { ...wanted, matched: 0, applied: 0, hitNow: hit.resolve, held: [] };
      rules.add(rule);
      return {
        hits: () => rule.applied,
        hit: hit.promise,
        release() {
          rules.delete(rule);
          for (const letGo of rule.held.splice(0)) letGo();
        },
      };
    },
    requests: (api) => counts.get(apiKeys[api]) ?? 0,
    watch: (api, onRequest) => void watchers.push({ apiKey: apiKeys[api], onRequest }),
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
