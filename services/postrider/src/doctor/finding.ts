// What a check of `postrider doctor` has to say: how bad it is, what is wrong, and how to mend it.

/** `warning`: it works, and will not for long or not in every case. `problem`: something does not work. */
export type Level = 'ok' | 'warning' | 'problem';

/** In the order in which they are shown. */
export const areas = [
  'kafka',
  'cluster',
  'topics',
  'rights',
  'retention',
  'groups',
  'postgres',
  'tables',
  'clock',
  'endpoints',
  'secrets',
  'dns',
  'receivers',
] as const;

export type Area = (typeof areas)[number];

/** One line of the result; with `--json` exactly these fields. */
export interface Finding {
  readonly level: Level;
  readonly area: Area;
  /** What it is about: a broker, a topic, an endpoint, `host:port` … */
  readonly subject: string;
  /** What is so, or what is wrong. */
  readonly what: string;
  /** A command, or a setting; null when there is nothing to mend. */
  readonly mend: string | null;
}

type Words = Omit<Finding, 'level' | 'area' | 'mend'>;

/** The three levels of one area. */
export function findingsOf(area: Area): {
  ok(words: Words): Finding;
  warning(words: Words & { readonly mend: string }): Finding;
  problem(words: Words & { readonly mend: string }): Finding;
} {
  return {
    ok: ({ subject, what }) => ({ level: 'ok', area, subject, what, mend: null }),
    warning: ({ subject, what, mend }) => ({ level: 'warning', area, subject, what, mend }),
    problem: ({ subject, what, mend }) => ({ level: 'problem', area, subject, what, mend }),
  };
}

/** By area, and the worst first within one. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const weight = { problem: 0, warning: 1, ok: 2 } as const;
  return findings.toSorted(
    (a, b) => areas.indexOf(a.area) - areas.indexOf(b.area) || weight[a.level] - weight[b.level],
  );
}
