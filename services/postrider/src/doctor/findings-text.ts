// Findings as a person reads them: what is wrong and how to mend it, then one line for everything that is well.

import type { Output, Tone } from '../output.ts';
import { counted, shown } from '../table-text.ts';
import type { Finding, Level } from './finding.ts';

const signs: Readonly<Record<Level, readonly [string, Tone]>> = {
  ok: ['ok     ', 'good'],
  warning: ['warning', 'warn'],
  problem: ['problem', 'bad'],
};

export function findingsText(findings: readonly Finding[], out: Output): string {
  const lines = findings.flatMap(({ level, area, subject, what, mend }) => {
    const [sign, tone] = signs[level];
    const line = `${out.paint(tone, sign)}  ${area}  ${shown(subject)}: ${shown(what)}`;
    return mend === null ? [line] : [line, `           → ${shown(mend)}`];
  });
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const summary = `${counted(count('problem'), 'problem')}, ${counted(count('warning'), 'warning')}, ${count('ok')} ok`;
  return [...lines, summary].join('\n');
}
