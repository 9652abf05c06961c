// CPU time and memory of processes, as the operating system counts them: /proc on Linux, `ps` elsewhere.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { ticksPerSecond } from './limits.ts';

export interface Usage {
  /** User and system time since the process began, in ms. */
  readonly cpuMs: number;
  readonly rssMb: number;
}

const msPerTick = 1_000 / ticksPerSecond;
const none: Usage = { cpuMs: 0, rssMb: 0 };

/** Of one process, or with `children` of it and its living and buried children (PostgreSQL, nginx); zero when it is gone. */
export function usageOf(pid: number, { children = false }: { readonly children?: boolean } = {}): Usage {
  return process.platform === 'linux' ? byProc(pid, children) : byPs(pid, children);
}

/** CPU time of a Java process's own compilers (user and system, ms), as far as their threads live; 0 where threads are not told apart. */
export function javaCompilersMs(pid: number): number {
  if (process.platform !== 'linux') return 0;
  let ticks = 0;
  for (const thread of threadsOf(pid)) {
    const stat = readStat(`${pid}/task/${thread}`);
    if (stat && /^C[12] Compiler/.test(stat.name)) ticks += stat.ticks;
  }
  return ticks * msPerTick;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function byProc(pid: number, children: boolean): Usage {
  const own = readStat(String(pid));
  if (own === undefined) return none;
  if (!children) return { cpuMs: own.ticks * msPerTick, rssMb: memoryOf(pid).all };
  let ticks = own.ticks + own.buriedTicks;
  const memories = [memoryOf(pid)];
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? readStat(name) : undefined;
    if (child?.parent !== pid) continue;
    ticks += child.ticks;
    memories.push(memoryOf(Number(name)));
  }
  // Children of one parent share its pages: what each has alone counts fully, what is shared once.
  const shared = Math.max(...memories.map(({ all, alone }) => all - alone));
  return { cpuMs: ticks * msPerTick, rssMb: shared + memories.reduce((sum, { alone }) => sum + alone, 0) };
}

/** @param which a process, or `<process>/task/<thread>` */
function readStat(which: string): { name: string; parent: number; ticks: number; buriedTicks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${which}/stat`, 'latin1');
    // The second field, the name in brackets, may itself hold spaces and brackets: cut after the last one.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return {
      name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      parent: fields[1] ?? 0,
      ticks: (fields[11] ?? 0) + (fields[12] ?? 0),
      buriedTicks: (fields[13] ?? 0) + (fields[14] ?? 0),
    };
  } catch {
    return undefined;
  }
}

function memoryOf(pid: number): { all: number; alone: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const mb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1_024;
    return { all: mb('VmRSS'), alone: mb('RssAnon') };
  } catch {
    return { all: 0, alone: 0 };
  }
}

function byPs(pid: number, children: boolean): Usage {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss=,time='], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  let cpuMs = 0;
  let rssMb = 0;
  for (const line of table.trim().split('\n')) {
    const [each, parent, rssKb, time] = line.trim().split(/\s+/);
    if (Number(each) !== pid && !(children && Number(parent) === pid)) continue;
    cpuMs += clockMs(time ?? '');
    rssMb += Number(rssKb) / 1_024;
  }
  return { cpuMs, rssMb };
}

/** `[[days-]hours:]minutes:seconds[.hundredths]` */
function clockMs(text: string): number {
  const [clock = '', days = '0'] = text.split('-').reverse();
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return (Number(days) * 86_400 + seconds) * 1_000;
}
