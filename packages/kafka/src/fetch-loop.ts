/**
 * Keeps one fetch out to every broker that leads a wanted partition.
 *
 *   wanted positions ─▶ by leader ─▶ one request each ─▶ slices to the owner ─▶ again
 *
 * The owner decides what is wanted (paused, unprepared and finished partitions are simply not) and moves its positions in
 * `onSlice`, which is synchronous: nothing here ever waits for what happens to a record.
 */
import { backoffMs, pause } from './backoff.ts';
import type { Connections } from './connections.ts';
import { isStaleMetadata, readFailure, toKafkaError } from './driver-error.ts';
import type { DriverBroker, DriverCluster } from './driver.ts';
import { fetchOnce } from './fetch.ts';
import type { FetchedSlice, FetchLimits, FetchPosition } from './fetch.ts';
import { lookAgain } from './gap.ts';
import type { KafkaError } from './kafka-error.ts';
import { leaderOf, whyUnled } from './leaders.ts';
import { FAULTY_PARTITION_RETRY_MS, UNLED_RETRY_MS } from './limits.ts';
import type { TopicPartition } from './record.ts';

export interface FetchOwner {
  /** What should be read now, and from where. Called often; cheap. */
  wanted(): FetchPosition[];
  /** Records in order, perhaps none; the owner ignores a slice whose `offset` is not its position any more. */
  onSlice(slice: FetchedSlice): void;
  /** The position is outside the log. The owner moves it; a rejection is retried. */
  onOutOfRange(at: TopicPartition, cluster: DriverCluster): Promise<void>;
  /** The bytes at this position cannot be decoded; it is tried again after FAULTY_PARTITION_RETRY_MS. */
  onFault(at: FetchPosition, error: KafkaError): void;
  onError(error: KafkaError, attempt: number): void;
}

export interface FetchLoop {
  /** Looks again at what is wanted: after a resume, a seek, a new assignment. */
  wake(): void;
  /** Resolves when no request is out any more. Requests under way are not cut: at most maxWaitMs. */
  stop(): Promise<void>;
}

export function startFetchLoop(connections: Connections, limits: FetchLimits, owner: FetchOwner): FetchLoop {
  const stopped = new AbortController();
  const { signal } = stopped;
  const busy = new Set<string>();
  const faultyUntil = new Map<string, number>();
  /** Partitions that nobody leads: told once each. */
  const unledTold = new Set<string>();
  let unledTimer: NodeJS.Timeout | null = null;
  let attempt = 0;
  let wakeUp: () => void = () => undefined;
  let woken = false;

  const key = (at: TopicPartition): string => `${at.partition}/${at.topic}`;

  function wake(): void {
    woken = true;
    wakeUp();
  }

  async function sleep(): Promise<void> {
    if (!woken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        wakeUp = resolve;
      });
    }
    woken = false;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        const positions = healthy(owner.wanted());
        if (positions.length > 0) await dispatchFetches(positions);
      } catch (error) {
        await failed(error);
        continue;
      }
      await sleep();
    }
  }

  function healthy(positions: FetchPosition[]): FetchPosition[] {
    if (faultyUntil.size === 0) return positions;
    const now = performance.now();
    return positions.filter((at) => (faultyUntil.get(key(at)) ?? 0) <= now);
  }

  async function dispatchFetches(positions: FetchPosition[]): Promise<void> {
    const cluster = await connections.get();
    await cluster.addMultipleTargetTopics([...new Set(positions.map((at) => at.topic))]);
    await cluster.refreshMetadataIfNecessary();
    const byNode = new Map<string, FetchPosition[]>();
    for (const at of positions) {
      const nodeId = leaderOf(cluster, at);
      if (nodeId === undefined || nodeId === null) {
        waitForLeader(cluster, at);
        continue;
      }
      unledTold.delete(key(at));
      if (busy.has(nodeId)) continue;
      const list = byNode.get(nodeId);
      if (list === undefined) byNode.set(nodeId, [at]);
      else list.push(at);
    }
    for (const [nodeId, list] of byNode) {
      busy.add(nodeId);
      void fetchFrom(cluster, nodeId, list).finally(() => {
        busy.delete(nodeId);
        wake();
      });
    }
  }

  /** Its topic may be gone, too, or forbidden. The others are read on meanwhile. */
  function waitForLeader(cluster: DriverCluster, at: FetchPosition): void {
    if (signal.aborted) return;
    if (!unledTold.has(key(at))) {
      unledTold.add(key(at));
      owner.onError(whyUnled(cluster, at), 1);
    }
    unledTimer ??= setTimeout(() => {
      unledTimer = null;
      // What fails here fails for the fetches as well, which tell of it and heal.
      void cluster.refreshMetadata().then(wake, wake);
    }, UNLED_RETRY_MS);
  }

  async function fetchFrom(cluster: DriverCluster, nodeId: string, positions: FetchPosition[]): Promise<void> {
    let broker: DriverBroker | undefined;
    try {
      broker = await cluster.findBroker({ nodeId });
      const result = await fetchOnce(broker, positions, limits);
      if (signal.aborted) return;
      connections.succeeded();
      attempt = 0;
      if (result.kind === 'out-of-range') return await owner.onOutOfRange(result, cluster);
      if (result.kind === 'undecodable') return await isolate(broker, cluster, positions, result.error);
      for (const slice of result.slices) {
        if (slice.nextOffset === slice.offset && slice.offset < slice.readableEnd) await lookCloser(broker, slice);
        else owner.onSlice(slice);
      }
      if (limits.restMs !== undefined && result.slices.some(({ records }) => records.length > 0))
        await pause(limits.restMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (broker !== undefined && isOfOnePartition(error)) await readApart(broker, cluster, positions);
      await failed(error);
    }
  }

  /** One partition that its broker cannot read must not stop the others: the driver makes one error of the whole answer. */
  async function readApart(broker: DriverBroker, cluster: DriverCluster, positions: FetchPosition[]): Promise<void> {
    if (positions.length === 1) return;
    for (const at of positions) {
      try {
        await readAlone(broker, cluster, at);
      } catch (error) {
        if (!isOfOnePartition(error)) return;
      }
    }
  }

  /** Nothing came although the log goes on. */
  async function lookCloser(broker: DriverBroker, slice: FetchedSlice): Promise<void> {
    const look = await lookAgain(slice, (offset, maxWaitMs) =>
      fetchOnce(broker, [{ ...slice, offset }], { ...limits, maxWaitMs }),
    );
    if (signal.aborted) return;
    if (look.kind === 'slice') owner.onSlice(look.slice);
    else if (look.kind === 'undecodable') setAside(slice, look.error);
    else if (look.error !== undefined) owner.onError(look.error, 1);
  }

  /** One partition's bytes must not stop the others: each is read alone, and the one at fault is set aside loudly. */
  async function isolate(
    broker: DriverBroker,
    cluster: DriverCluster,
    positions: FetchPosition[],
    error: KafkaError,
  ): Promise<void> {
    const [only] = positions;
    if (positions.length === 1 && only !== undefined) return setAside(only, error);
    for (const at of positions) await readAlone(broker, cluster, at);
  }

  async function readAlone(broker: DriverBroker, cluster: DriverCluster, at: FetchPosition): Promise<void> {
    if (signal.aborted) return;
    const result = await fetchOnce(broker, [at], { ...limits, maxWaitMs: 0 });
    if (signal.aborted) return;
    if (result.kind === 'out-of-range') await owner.onOutOfRange(result, cluster);
    else if (result.kind === 'undecodable') setAside(at, result.error);
    else for (const slice of result.slices) owner.onSlice(slice);
  }

  function setAside({ topic, partition, offset }: FetchPosition, error: KafkaError): void {
    faultyUntil.set(key({ topic, partition }), performance.now() + FAULTY_PARTITION_RETRY_MS);
    setTimeout(wake, FAULTY_PARTITION_RETRY_MS).unref();
    owner.onFault({ topic, partition, offset }, error);
  }

  async function failed(error: unknown): Promise<void> {
    if (signal.aborted) return;
    attempt += 1;
    owner.onError(toKafkaError(error, 'fetch'), attempt);
    await connections.heal(error);
    await pause(backoffMs(attempt), signal);
  }

  const ended = run();
  return {
    wake,
    async stop() {
      stopped.abort();
      if (unledTimer !== null) clearTimeout(unledTimer);
      wake();
      await ended;
    },
  };
}

/** The broker has answered, and no other broker would do better. */
function isOfOnePartition(error: unknown): boolean {
  const { brokerError } = readFailure(error);
  return brokerError !== null && !isStaleMetadata(brokerError);
}
