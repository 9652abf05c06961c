// What can be measured, as one table. The order is the order of a run: bare comes first, being everyone's denominator.

export type Scenario =
  | { readonly kind: 'bare'; readonly endpoints: number }
  | {
      readonly kind: 'through' | 'drain' | 'latency';
      readonly endpoints: number;
      readonly dispatchProcesses: number;
      readonly profile: 'standard-webhooks' | 'plain';
    }
  /** Calls whose answers are waited for: from publishing to the reply record as upstream reads it. */
  | {
      readonly kind: 'reply';
      readonly endpoints: number;
      readonly dispatchProcesses: number;
      readonly profile: 'envoy';
    };

/** A scenario in which Postrider delivers. */
export type DeliveryScenario = Exclude<Scenario, { readonly kind: 'bare' }>;

const signed = { dispatchProcesses: 1, profile: 'standard-webhooks' } as const;

export const scenarios = {
  bare: { kind: 'bare', endpoints: 100 },
  'through-1': { ...signed, kind: 'through', endpoints: 1 },
  'through-100': { ...signed, kind: 'through', endpoints: 100 },
  'through-plain': { ...signed, kind: 'through', endpoints: 100, profile: 'plain' },
  'through-10000': { ...signed, kind: 'through', endpoints: 10_000 },
  'drain-1': { ...signed, kind: 'drain', endpoints: 1 },
  'drain-100': { ...signed, kind: 'drain', endpoints: 100 },
  'drain-100-two': { ...signed, kind: 'drain', endpoints: 100, dispatchProcesses: 2 },
  latency: { ...signed, kind: 'latency', endpoints: 100 },
  reply: { kind: 'reply', endpoints: 100, dispatchProcesses: 1, profile: 'envoy' },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];

/** Run only when they are named: with them the whole would take longer than anybody waits. */
export const scenariosOnRequest: readonly ScenarioName[] = ['through-plain', 'through-10000', 'reply'];

export const scenariosByDefault = scenarioNames.filter((name) => !scenariosOnRequest.includes(name));

/** Times of arrival and replies are what nginx cannot do. */
export function needsOwnReceiver(name: ScenarioName): boolean {
  const { kind } = scenarios[name];
  return kind === 'latency' || kind === 'reply';
}
