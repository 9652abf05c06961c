// A pid alone does not name a process: it is reused. Pid, start time and command together do.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type ProcessIdentity = {
  pid: number;
  /** As the system tells it (clock ticks since boot on Linux, a date elsewhere): only ever compared. */
  startedAt: string;
};

/** Start time and command line of a live process; undefined when there is none (a zombie is none). */
export function inspectProcess(pid: number): { startedAt: string; command: string } | undefined {
  return process.platform === 'linux' ? inspectByProc(pid) : inspectByPs(pid);
}

/** True while the very process that was recorded lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return inspectProcess(identity.pid)?.startedAt === identity.startedAt;
}

/** The identity of a process that lives now; undefined when it has gone already. */
export function identify(pid: number): ProcessIdentity | undefined {
  const found = inspectProcess(pid);
  return found && { pid, startedAt: found.startedAt };
}

function inspectByProc(pid: number): { startedAt: string; command: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name in brackets, may itself hold spaces and brackets: cut after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const startTicks = fields[19];
    if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    // Ticks count from boot, so two boots could give one number: the boot id tells them apart.
    return { startedAt: `${bootId()}:${startTicks}`, command };
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'boot';
  }
}

function inspectByPs(pid: number): { startedAt: string; command: string } | undefined {
  try {
    const out = execFileSync('ps', ['-o', 'stat=,lstart=,command=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // lstart is always five words in the C locale: `Thu Jan  1 00:00:00 2026`.
    const match = /^(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(out.trim());
    if (!match || match[1]?.startsWith('Z')) return undefined;
    return { startedAt: (match[2] ?? '').replaceAll(/\s+/g, ' '), command: match[3] ?? '' };
  } catch {
    return undefined;
  }
}
