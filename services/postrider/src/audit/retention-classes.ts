// Which projects are of which class, and how long records of a class are kept: some shorter than the days that they lie in.

import type { projectorRows } from '@postrider/audit-projector';
import type { ProjectClass } from '@postrider/postgres';
import { formatDuration, type ConfigOf, type ConfigProblem } from '@postrider/runtime';
import { formDuration } from '../form-values.ts';
import { classAgeMsMin } from './limits.ts';

/** Stands for every project that is not named. */
const anyOther = '*';
type RetentionConfig = Pick<ConfigOf<typeof projectorRows>, 'audit.classes' | 'audit.projectClasses'>;

/** A class, and for how long its records are kept, in ms. */
export interface RetentionClass extends ProjectClass {
  readonly ageMs: number;
}

/** Rules across the rows of classes. */
export function retentionChecks(config: RetentionConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (key: keyof RetentionConfig, message: string): void => {
    problems.push({ key, source: 'configuration', message });
  };
  const names = new Set<string>();
  for (const [name, age] of pairsOf(config['audit.classes'])) {
    if (names.has(name)) refuse('audit.classes', `names ${name} twice`);
    names.add(name);
    const ageMs = formDuration(age);
    if (ageMs === undefined) refuse('audit.classes', `has ${age} for ${name}: expected a duration such as 30d`);
    else if (ageMs < classAgeMsMin)
      refuse('audit.classes', `has ${age} for ${name}: at least ${formatDuration(classAgeMsMin)}`);
  }
  const projects = new Set<string>();
  for (const [project, name] of pairsOf(config['audit.projectClasses'])) {
    if (projects.has(project)) refuse('audit.projectClasses', `names ${project} twice`);
    projects.add(project);
    if (!names.has(name))
      refuse('audit.projectClasses', `has ${project} in ${name}, which audit.classes does not name`);
  }
  return problems;
}

/** The classes of an environment, in the order in which they are named. @param config has passed `retentionChecks` */
export function retentionClasses(environment: string, config: RetentionConfig): RetentionClass[] {
  const projectClasses = pairsOf(config['audit.projectClasses']);
  const rest = projectClasses.find(([project]) => project === anyOther)?.[1];
  const named = projectClasses.filter(([project]) => project !== anyOther);
  return pairsOf(config['audit.classes']).map(([name, age]) => {
    const others = name === rest;
    // The class of all others has those, too, that are named as its own.
    const projects = named.filter(([, of]) => (of === name) !== others).map(([project]) => project);
    return { environment, name, projects, others, ageMs: formDuration(age) ?? Number.POSITIVE_INFINITY };
  });
}

function pairsOf(lines: readonly string[]): (readonly [string, string])[] {
  return lines.map((line) => {
    const cut = line.indexOf('=');
    return [line.slice(0, cut), line.slice(cut + 1)];
  });
}
