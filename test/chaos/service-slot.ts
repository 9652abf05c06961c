// One place for one service process: started, killed, frozen and cut off from the brokers here, one after the other, with each
// of it in the timeline. What ends without having been asked to is remembered: it is a violation.

import { appendFile } from 'node:fs/promises';
import { get } from 'node:http';
import { startKafkaProxy, type KafkaProxy } from '../support/kafka-proxy.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import type { Timeline } from './interruption.ts';
import { lastWords, startMsMax, stopMsMax } from './limits.ts';
import { serviceOf, type Slot } from './slots.ts';

export interface SlotOptions {
  readonly slot: Slot;
  readonly brokers: readonly string[];
  readonly seed: number;
  readonly healthPort: number;
  /** Without what this file adds. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeline: Timeline;
  /** The logs of all its processes are appended to it. */
  readonly logPath: string;
}

export class ServiceSlot {
  readonly slot: Slot;
  readonly proxy: KafkaProxy;
  readonly #options: SlotOptions;
  #process: ServiceProcess | undefined;
  #turn: Promise<void> = Promise.resolve();
  readonly #unasked: string[] = [];

  private constructor(options: SlotOptions, proxy: KafkaProxy) {
    this.#options = options;
    this.slot = options.slot;
    this.proxy = proxy;
  }

  static async open(options: SlotOptions): Promise<ServiceSlot> {
    return new ServiceSlot(options, await startKafkaProxy({ brokers: options.brokers, seed: options.seed }));
  }

  /** Faults of one slot wait for each other. */
  exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  get running(): boolean {
    return this.#process !== undefined && this.#process.ended() === undefined;
  }

  /** Ends that nobody asked for, each with the process's last words. */
  unasked(): readonly string[] {
    this.#noteEnd();
    return this.#unasked;
  }

  /** Starts it when it does not run, and waits until its health address answers. */
  async start(): Promise<void> {
    this.#noteEnd();
    if (this.running) return;
    const { slot, env, healthPort, timeline } = this.#options;
    const started = timeline.begin('start', slot);
    this.#process = startServiceProcess(serviceOf(slot), {
      ...env,
      POSTRIDER_KAFKA_BROKERS: this.proxy.brokers.join(','),
      POSTRIDER_KAFKA_CLIENT_ID: slot,
      POSTRIDER_HEALTH_PORT: String(healthPort),
    });
    const until = performance.now() + startMsMax;
    while (this.running && (await this.#health('/livez')) !== 200 && performance.now() < until) await pause(50);
    started();
  }

  ready(): Promise<boolean> {
    return this.#health('/readyz').then((status) => status === 200);
  }

  async kill(): Promise<void> {
    this.#noteEnd();
    const { timeline, slot } = this.#options;
    if (!this.running) return;
    const killed = timeline.begin('kill', slot);
    await this.#process!.kill();
    killed();
    await this.#forget();
  }

  /** SIGTERM. @returns what was wrong with its end, if anything was */
  async stop(): Promise<string | undefined> {
    this.#noteEnd();
    if (!this.running) return undefined;
    const stopped = this.#options.timeline.begin('stop', this.slot);
    const running = this.#process!;
    const killer = setTimeout(() => void running.kill(), stopMsMax);
    const code = await running.stop();
    clearTimeout(killer);
    stopped();
    const words = running.log().slice(-lastWords);
    await this.#forget();
    return code === 0 ? undefined : `${this.slot} ended with ${code ?? 'SIGKILL'} on SIGTERM: ${words}`;
  }

  async freeze(forMs: number): Promise<void> {
    const wake = this.stopClock();
    await pause(forMs);
    wake();
  }

  /** SIGSTOP, until what is returned is called. */
  stopClock(): () => void {
    this.#noteEnd();
    const frozen = this.#process;
    if (!frozen) return () => {};
    const over = this.#options.timeline.begin('pause', this.slot);
    frozen.pause();
    return () => {
      frozen.resume();
      over();
    };
  }

  async close(): Promise<void> {
    this.#process?.resume();
    await this.#process?.kill();
    await this.#forget();
    await this.proxy.stop();
  }

  #noteEnd(): void {
    const how = this.#process?.ended();
    if (how === undefined) return;
    this.#unasked.push(`${this.slot} ended by itself (${how}): ${this.#process!.log().slice(-lastWords)}`);
    void this.#forget();
  }

  async #forget(): Promise<void> {
    const gone = this.#process;
    this.#process = undefined;
    if (gone) await appendFile(this.#options.logPath, gone.log());
  }

  #health(path: string): Promise<number> {
    return new Promise((resolve) => {
      const url = `http://127.0.0.1:${this.#options.healthPort}${path}`;
      const request = get(url, { agent: false, timeout: 5_000 }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(0));
    });
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
