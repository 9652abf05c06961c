// Reads a .cpuprofile of V8 and says where the time of a window went: by function, and by kind of work.

import { readFileSync } from 'node:fs';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds on the clock of `process.hrtime`. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileRow {
  readonly what: string;
  readonly selfMs: number;
}

export interface ProfileSummary {
  /** Without idle time. */
  readonly busyMs: number;
  readonly functions: readonly ProfileRow[];
  readonly kinds: readonly ProfileRow[];
}

/** First that fits wins. A native function has no file: it belongs to the nearest caller that has one. */
const kinds: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['HMAC and digests', /node:internal\/crypto\/(hash|hmac|keys)|core\/src\/contracts\/ids|profiles\/src/],
  [
    'TLS and sockets (node)',
    /node:(_tls|tls|net|internal\/(tls|stream_base|net|js_stream|dtrace|crypto)|internal\/streams|internal\/stream)/,
  ],
  ['undici', /node_modules\/undici\//],
  ['kafkajs encode and decode', /node_modules\/kafkajs\/src\/(protocol|utils)\//],
  ['kafkajs, the rest', /node_modules\/kafkajs\//],
  ['PostgreSQL client', /node_modules\/pg[^/]*\//],
  ['logging (pino)', /node_modules\/(pino|sonic-boom|thread-stream|quick-format|safe-stable|fast-redact|on-exit)/],
  ['metrics (prom-client)', /prom-client|prometheus-io/],
  ['schemas (zod)', /node_modules\/zod\//],
  ['other libraries', /node_modules\//],
];

/** Only the samples between two times of `process.hrtime`. */
export function summarizeProfile(path: string, fromNs: bigint, toNs: bigint): ProfileSummary {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile;
  const selfUs = new Map<number, number>();
  let atUs = profile.startTime;
  for (const [index, node] of profile.samples.entries()) {
    // A sample stands until the next one.
    atUs += profile.timeDeltas[index] ?? 0;
    const us = profile.timeDeltas[index + 1] ?? 0;
    if (atUs * 1_000 >= Number(fromNs) && atUs * 1_000 <= Number(toNs))
      selfUs.set(node, (selfUs.get(node) ?? 0) + Math.max(0, us));
  }
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)),
  );
  const functions = new Map<string, number>();
  const byKind = new Map<string, number>();
  let busyUs = 0;
  for (const [id, us] of selfUs) {
    const { callFrame } = nodes.get(id)!;
    if (callFrame.functionName === '(idle)') continue;
    busyUs += us;
    const file =
      callFrame.url === ''
        ? `native, for ${shortFile(fileOf(id))}`
        : `${shortFile(callFrame.url)}:${callFrame.lineNumber + 1}`;
    add(
      functions,
      `${callFrame.functionName || '(anonymous)'}  ${callFrame.functionName.startsWith('(') ? '' : file}`,
      us,
    );
    add(byKind, kindOf(callFrame.functionName, fileOf(id)), us);
  }
  return { busyMs: busyUs / 1_000, functions: rows(functions), kinds: rows(byKind) };

  function fileOf(id: number): string {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const url = nodes.get(at)?.callFrame.url ?? '';
      if (url !== '') return url;
    }
    return '';
  }
}

function kindOf(name: string, file: string): string {
  if (name === '(garbage collector)') return 'garbage collection';
  if (name === '(program)') return 'native code outside JavaScript (libuv, OpenSSL, system calls)';
  for (const [kind, pattern] of kinds) if (pattern.test(file)) return kind;
  const own = /\/(packages|services)\/([^/]+)\/src/.exec(file);
  if (own) return own[1] === 'packages' ? `ours: packages/${own[2]}` : 'ours: the service';
  return 'node: timers, events, promises, buffers';
}

/** Without the folders before the workspace or the package. */
function shortFile(url: string): string {
  return url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/((?:packages|services)\/)/, '$1');
}

function add(to: Map<string, number>, what: string, us: number): void {
  to.set(what, (to.get(what) ?? 0) + us);
}

function rows(from: ReadonlyMap<string, number>): ProfileRow[] {
  return [...from].map(([what, us]) => ({ what, selfMs: us / 1_000 })).sort((a, b) => b.selfMs - a.selfMs);
}
