// What can be measured, as one table. The order is the order of a run: bare comes first, being everyone's denominator.

export type Scenario =
  | { readonly kind: 'bare'; readonly endpoints: number }
  | { readonly kind: 'through' | 'drain'; readonly endpoints: number; readonly dispatchProcesses: number }
  | { readonly kind: 'latency'; readonly endpoints: number; readonly dispatchProcesses: number };

/** A scenario in which Postrider delivers. */
export type DeliveryScenario = Exclude<Scenario, { readonly kind: 'bare' }>;

export const scenarios = {
  bare: { kind: 'bare', endpoints: 100 },
  'through-1': { kind: 'through', endpoints: 1, dispatchProcesses: 1 },
  'through-100': { kind: 'through', endpoints: 100, dispatchProcesses: 1 },
  'drain-1': { kind: 'drain', endpoints: 1, dispatchProcesses: 1 },
  'drain-100': { kind: 'drain', endpoints: 100, dispatchProcesses: 1 },
  'drain-100-two': { kind: 'drain', endpoints: 100, dispatchProcesses: 2 },
  latency: { kind: 'latency', endpoints: 100, dispatchProcesses: 1 },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];
