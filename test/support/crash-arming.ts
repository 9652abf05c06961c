// Which crash points of a process are armed, as text in its environment: `point:pass:signal`, separated by commas.

export interface ArmedPoint {
  readonly point: string;
  /** 1 is the first time that the process comes by. */
  readonly onPass: number;
  /** SIGKILL dies there; SIGSTOP stands there until somebody sends SIGCONT. */
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

export const armVariable = 'CRASH_AT';

export function writeArmed(armed: readonly ArmedPoint[]): string {
  return armed.map(({ point, onPass, signal }) => `${point}:${onPass}:${signal}`).join(',');
}

export function readArmed(text: string | undefined): ArmedPoint[] {
  return (text ?? '')
    .split(',')
    .filter((each) => each !== '')
    .map((each) => {
      const [point = '', pass, signal] = each.split(':');
      if (signal !== 'SIGKILL' && signal !== 'SIGSTOP') throw new Error(`${each}: a crash point is point:pass:signal`);
      return { point, onPass: Number(pass), signal };
    });
}
