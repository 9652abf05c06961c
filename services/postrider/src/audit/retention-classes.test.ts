import { describe, expect, it } from 'vitest';
import { loadSettings, type PostriderConfig } from '../settings.ts';
import { retentionClasses } from './retention-classes.ts';

const dayMs = 24 * 60 * 60_000;

function load(classes: string, projectClasses: string) {
  return loadSettings({
    env: { POSTRIDER_AUDIT_CLASSES: classes, POSTRIDER_AUDIT_PROJECT_CLASSES: projectClasses },
  });
}

function configOf(classes: string, projectClasses: string): PostriderConfig {
  const loaded = load(classes, projectClasses);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

describe('classes of projects', () => {
  it('have their projects and ages; one of them may have all others', () => {
    const config = configOf(
      'trial=30d,regulated=2555d,standard=90d12h',
      'a=trial,b=trial,bank:1=regulated,*=standard,c=standard',
    );
    expect(retentionClasses('live', config)).toEqual([
      { environment: 'live', name: 'trial', projects: ['a', 'b'], others: false, ageMs: 30 * dayMs },
      { environment: 'live', name: 'regulated', projects: ['bank:1'], others: false, ageMs: 2555 * dayMs },
      // Those that are of another class; `c` is among all that are not.
      { environment: 'live', name: 'standard', projects: ['a', 'b', 'bank:1'], others: true, ageMs: 90.5 * dayMs },
    ]);
  });

  it.each([
    ['trial', '', 'expected class=age'],
    ['Trial=30d', '', 'expected class=age'],
    ['trial=soon', '', 'expected a duration such as 30d'],
    ['trial=23h', '', 'at least 24h'],
    ['trial=30d,trial=40d', '', 'names trial twice'],
    ['trial=30d', 'a=gold', 'has a in gold, which audit.classes does not name'],
    ['trial=30d', 'a=trial,a=trial', 'names a twice'],
    ['trial=30d', 'a b=trial', 'expected project=class'],
    ['trial=30d', 'a', 'expected project=class'],
  ])('are refused: %s / %s', (classes, projectClasses, message) => {
    const loaded = load(classes, projectClasses);
    expect(loaded.ok ? [] : loaded.problems.map((problem) => problem.message)).toEqual([
      expect.stringContaining(message),
    ]);
  });
});
