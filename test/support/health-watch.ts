// Asks the health addresses of processes again and again while something is broken, and keeps what they said: whether a
// process was ever not alive, and every change of what it says of its readiness.

export interface ReadinessSeen {
  /** Ms since the watch began. */
  readonly atMs: number;
  readonly ready: boolean;
  /** All services of the process in one text. */
  readonly reasons: string;
}

export interface HealthWatch {
  /** Times at which `/livez` did not say 200, by process; empty when all went well. */
  readonly notAlive: readonly string[];
  /** Every change of what `/readyz` said, oldest first. */
  seen(name: string): readonly ReadinessSeen[];
  now(name: string): ReadinessSeen | undefined;
  /** A process that is killed on purpose is not asked until it is said to be back. */
  pause(name: string): void;
  resume(name: string): void;
  stop(): Promise<void>;
}

const everyMs = 250;
/** A loop that answers later than this is not alive for an orchestrator either. */
const answerMs = 10_000;

/** @param urls by name of the process, without a path; each must answer already */
export function watchHealth(urls: Readonly<Record<string, string>>): HealthWatch {
  const notAlive: string[] = [];
  const paused = new Set<string>();
  const changes = new Map<string, ReadinessSeen[]>(Object.keys(urls).map((name) => [name, []]));
  const startedMs = performance.now();
  const stopped = new AbortController();

  async function look(name: string, url: string): Promise<void> {
    const atMs = Math.round(performance.now() - startedMs);
    try {
      const [alive, readyz] = await Promise.all([ask(`${url}/livez`), ask(`${url}/readyz`)]);
      if (alive.status !== 200 && !paused.has(name)) notAlive.push(`${name} at ${atMs} ms: ${alive.status}`);
      const answer = readAnswer(readyz.text);
      const list = changes.get(name)!;
      const last = list.at(-1);
      if (last?.ready !== answer.ready || last.reasons !== answer.reasons) list.push({ atMs, ...answer });
    } catch (error) {
      if (!paused.has(name)) notAlive.push(`${name} at ${atMs} ms: ${String((error as Error).cause ?? error)}`);
    }
  }

  async function watch(name: string, url: string): Promise<void> {
    while (!stopped.signal.aborted) {
      if (!paused.has(name)) await look(name, url);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  const ended = Promise.all(Object.entries(urls).map(([name, url]) => watch(name, url)));
  return {
    notAlive,
    seen: (name) => changes.get(name) ?? [],
    now: (name) => changes.get(name)?.at(-1),
    pause: (name) => void paused.add(name),
    resume: (name) => void paused.delete(name),
    async stop() {
      stopped.abort();
      await ended;
    },
  };
}

/** What a process says now. @throws when it does not answer */
export async function readReadiness(url: string): Promise<Omit<ReadinessSeen, 'atMs'>> {
  return readAnswer((await ask(`${url}/readyz`)).text);
}

async function ask(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerMs) });
  return { status: response.status, text: await response.text() };
}

function readAnswer(text: string): Omit<ReadinessSeen, 'atMs'> {
  const answer = JSON.parse(text) as { ready: boolean; services: Record<string, { reasons: readonly string[] }> };
  return {
    ready: answer.ready,
    reasons: Object.values(answer.services)
      .flatMap(({ reasons }) => reasons)
      .join('; '),
  };
}
