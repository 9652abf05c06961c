// Everything that chance decides in a run, decided before it begins: endpoints and how they answer, who runs, whose clock is
// wrong, and what is done to whom and when. One seed, one plan.

import { seededRandom } from '../support/seeded-random.ts';
import type { Fault, FaultKind, NetworkFault } from './fault.ts';
import { calmMs, endpointTimeoutMs, eventsPerSecond, eventsPerSecondShort, hungEvents, longRunS } from './limits.ts';
import type { AnswerMix } from './receiver-answers.ts';
import { dispatchSlots, type DispatchSlot, type Slot } from './slots.ts';

export interface EndpointPlan {
  readonly id: string;
  readonly mix: AnswerMix;
  /** Four failures in a row keep it from requests for a moment. */
  readonly breaker: boolean;
  readonly delaysMs: readonly number[];
  readonly timeoutMs: number;
}

/** Before anything is hurt: one endpoint hangs, much is for it at once, and nobody else may feel it. */
export interface CalmPlan {
  /** Its first attempts are never answered; nothing else is published for it. */
  readonly hung: EndpointPlan;
  /** For it, at the beginning. */
  readonly events: number;
  readonly ms: number;
}

export interface ChaosPlan {
  /** Folder of its evidence. */
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  readonly brokers: 1 | 3;
  readonly eventsPerSecond: number;
  readonly dispatchers: readonly DispatchSlot[];
  readonly endpoints: readonly EndpointPlan[];
  /** Undefined: the faults begin at once. */
  readonly calm?: CalmPlan | undefined;
  /** Of those whose clock is wrong. */
  readonly clockOffsetsMs: Readonly<Partial<Record<Slot, number>>>;
  readonly faults: readonly Fault[];
}

export interface PlanOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly brokers: 1 | 3;
}

/** Delays after attempt 1, 2, …: five attempts at most, within seconds. */
const delaysMs = [500, 1_000, 1_000, 2_000];

/** Each endpoint is bad in a way of its own; a quarter is well. */
const mixes: readonly AnswerMix[] = [
  {},
  { '500': 60 },
  { '500': 400, 'reset-before-read': 100 },
  { '500': 1_000 },
  { '429': 300 },
  { hang: 150, '500': 100 },
  { 'reset-after-read': 200, 'ok-then-reset': 200, 'reset-before-read': 100 },
  { '410': 15, '500': 100 },
];

export function planChaos({ seed, seconds, brokers }: PlanOptions): ChaosPlan {
  const random = seededRandom(seed);
  const dispatchers = dispatchSlots.slice(0, random() < 0.25 ? 1 : 2);
  const breakers = random() < 0.2;
  const endpoints = mixes.map((mix, i) => ({
    id: `ep-${i}`,
    mix,
    // What always fails would never come to its end.
    breaker: breakers && mix['500'] !== 1_000,
    delaysMs,
    timeoutMs: endpointTimeoutMs,
  }));
  return {
    name: String(seed),
    seed,
    seconds,
    brokers,
    eventsPerSecond: seconds < longRunS ? eventsPerSecondShort : eventsPerSecond,
    dispatchers,
    endpoints,
    calm: {
      hung: { id: 'ep-hung', mix: { 'hang-first': 1_000 }, breaker: false, delaysMs, timeoutMs: endpointTimeoutMs },
      events: hungEvents,
      ms: calmMs,
    },
    clockOffsetsMs: planClocks(random, dispatchers),
    faults: planFaults(random, { seconds, brokers, dispatchers, endpoints }),
  };
}

/** In half of the runs one clock is wrong. Ahead only by little: what is due later by a wrong clock is late, not wrong. */
function planClocks(
  random: () => number,
  dispatchers: readonly DispatchSlot[],
): Readonly<Partial<Record<Slot, number>>> {
  const offset = pick(random, [-30_000, -5_000, -1_000, 1_000, 2_000]);
  const who = pick<Slot>(random, [...dispatchers, 'convergence', 'retry-scheduler']);
  // A scheduler that is behind gives back as late as it is behind.
  const bounded = who === 'retry-scheduler' ? Math.max(-2_000, offset) : offset;
  return random() < 0.5 ? { [who]: bounded } : {};
}

/**
 * A fault each two and a half seconds, kinds drawn without return so that a run has many of them. What takes long begins while
 * there is time for it.
 */
function planFaults(random: () => number, world: FaultWorld): Fault[] {
  const faults: Fault[] = [];
  const runMs = world.seconds * 1_000;
  let deck: FaultMaker[] = [];
  for (let stepMs = 1_000; stepMs < runMs - 1_000; stepMs += everyMs) {
    const atMs = stepMs + between(random, 0, everyMs - 500);
    const fits = (make: FaultMaker): boolean => quick.includes(make) || atMs + lengthyMs <= runMs;
    if (!deck.some(fits)) deck = shuffled(random, [...quick, ...lengthy]);
    const [make] = deck.splice(deck.findIndex(fits), 1);
    faults.push({ atMs, ...make!(random, world) });
  }
  return faults;
}

const everyMs = 2_500;
/** What a session must time out for takes about this long. */
const lengthyMs = 14_000;

interface FaultWorld extends Pick<ChaosPlan, 'brokers' | 'dispatchers' | 'endpoints' | 'seconds'> {}

type FaultMaker = (random: () => number, world: FaultWorld) => FaultKind;

const between = (random: () => number, from: number, to: number): number => Math.round(from + random() * (to - from));

const dispatcher: (random: () => number, world: FaultWorld) => DispatchSlot = (random, { dispatchers }) =>
  pick(random, dispatchers);
const anyone = (random: () => number, { dispatchers }: FaultWorld): Slot =>
  pick<Slot>(random, [...dispatchers, ...dispatchers, 'convergence', 'retry-scheduler', 'audit-projector']);
const node = (random: () => number, { brokers }: FaultWorld): number => between(random, 1, brokers);
const networkFaults: readonly NetworkFault[] = ['reset', 'down', 'hold', 'half-open', 'slow', 'slices'];

const quick: readonly FaultMaker[] = [
  (random, world) => ({ kind: 'kill', slot: dispatcher(random, world), downMs: between(random, 0, 1_500) }),
  (random) => ({
    kind: 'kill',
    slot: pick<Slot>(random, ['convergence', 'retry-scheduler', 'audit-projector']),
    downMs: between(random, 0, 2_000),
  }),
  (random, world) => ({ kind: 'pause', slot: anyone(random, world), forMs: between(random, 500, 4_000) }),
  (random, world) => ({ kind: 'rolling-restart', slots: [dispatcher(random, world)] }),
  (random, world) => ({ kind: 'kill-broker', node: node(random, world), downMs: between(random, 0, 1_500) }),
  (random, world) => ({ kind: 'pause-broker', node: node(random, world), forMs: between(random, 500, 4_000) }),
  (random, world) => ({
    kind: 'network',
    slot: anyone(random, world),
    how: pick(random, networkFaults),
    forMs: between(random, 300, 3_000),
  }),
  (random, world) => ({
    kind: 'produce-answers',
    slot: pick<Slot>(random, [...world.dispatchers, 'convergence', 'retry-scheduler']),
    how: pick(random, ['hold', 'reset', 'reset'] as const),
    nth: [1, between(random, 2, 6), between(random, 7, 30)],
    forMs: between(random, 1_000, 3_000),
  }),
  (random) => ({
    kind: 'postgres',
    how: pick(random, ['kill', 'pause', 'down', 'disk-full'] as const),
    forMs: between(random, 500, 3_000),
  }),
  (random) => ({ kind: 'copies', of: 'newest', count: between(random, 5, 40) }),
  (random) => ({ kind: 'burst', events: between(random, 150, 400) }),
  (random, world) => edit(random, world, 'pause'),
  (random, world) => edit(random, world, 'move'),
  (random, world) => edit(random, world, pick(random, ['disable', 'delete'] as const)),
];

const lengthy: readonly FaultMaker[] = [
  (random, world) => ({ kind: 'kill-twice', slot: dispatcher(random, world) }),
  (random, world) => ({ kind: 'pause', slot: dispatcher(random, world), forMs: between(random, 9_000, 12_000) }),
  (random, world) => ({
    kind: 'rolling-restart',
    slots: shuffled(random, ['convergence', 'retry-scheduler', 'audit-projector', ...world.dispatchers]),
  }),
  (random) => ({ kind: 'join-and-leave', slot: 'dispatch-3', forMs: between(random, 2_000, 8_000) }),
  (random) => ({ kind: 'scheduler-away', forMs: between(random, 11_000, 14_000) }),
  (random) => ({
    kind: 'wipe-metadata',
    group: pick(random, ['dispatch', 'dispatch', 'retry-scheduler'] as const),
    to: pick(random, ['nothing', 'nonsense'] as const),
  }),
  (random, world) => ({
    kind: 'network',
    slot: dispatcher(random, world),
    how: pick(random, ['down', 'hold', 'half-open'] as const),
    forMs: between(random, 9_000, 11_000),
  }),
  (random, world) => ({ kind: 'kill', slot: dispatcher(random, world), downMs: between(random, 0, 9_000) }),
  (random, world) => ({
    kind: 'late-append',
    slot: dispatcher(random, world),
    afterTakeoverMs: between(random, 0, 1_200),
  }),
  (random) => ({ kind: 'copies', of: 'old', count: between(random, 5, 40) }),
];

function edit(
  random: () => number,
  { endpoints }: FaultWorld,
  change: 'pause' | 'move' | 'disable' | 'delete',
): FaultKind {
  return { kind: 'edit', endpoint: pick(random, endpoints).id, change, forMs: between(random, 500, 3_000) };
}

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

function shuffled<T>(random: () => number, items: readonly T[]): T[] {
  const deck = [...items];
  for (let i = deck.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [deck[i], deck[j]] = [deck[j]!, deck[i]!];
  }
  return deck;
}

/** All that are declared. */
export function endpointsOf({ endpoints, calm }: Pick<ChaosPlan, 'endpoints' | 'calm'>): readonly EndpointPlan[] {
  return calm ? [...endpoints, calm.hung] : endpoints;
}
