// The rows of a COPY, straight from the connection. The driver makes an object and an event of every message, and streams over it a
// copy of each: more than the verification of an untouched row costs. So for as long as a COPY lasts, what comes in goes to a
// cursor, and what follows the rows goes back to the driver, which learns of the end as of that of any other statement.

import type pg from 'pg';
import { BinaryRows } from './binary-rows.ts';
import { chunksHeldMax } from './limits.ts';
import { PostgresError } from './postgres-error.ts';

type Socket = NodeJS.ReadWriteStream & { destroy(): void };
type Listener = (chunk: Buffer) => void;

/** As the driver takes a statement that speaks the protocol itself. */
class CopyOut {
  readonly #sql: string;
  #socket: Socket | undefined;
  #ofDriver: Listener | undefined;
  readonly #chunks: Buffer[] = [];
  #wake: () => void = () => undefined;
  #error: Error | undefined;
  #settled = false;
  /** Set by the driver, when it has a limit of time: to be called at the end. */
  callback: (() => void) | undefined;

  constructor(sql: string) {
    this.#sql = sql;
  }

  submit(connection: { readonly stream: Socket; query(sql: string): void }): void {
    const socket = connection.stream;
    const [ofDriver, another] = socket.listeners('data') as Listener[];
    if (ofDriver === undefined || another !== undefined) throw new TypeError('the driver listens in another way');
    socket.removeListener('data', ofDriver);
    socket.on('data', this.#take);
    this.#socket = socket;
    this.#ofDriver = ofDriver;
    connection.query(this.#sql);
  }

  readonly #take: Listener = (chunk) => {
    // Stopping and going on cost about as much as a few rows: only for a reader that does not keep up.
    if (this.#chunks.push(chunk) >= chunksHeldMax) this.#socket!.pause();
    this.#wake();
  };

  /** @returns undefined when there will be none. @throws what the driver said */
  async chunk(): Promise<Buffer | undefined> {
    while (this.#chunks.length === 0 && this.#error === undefined && !this.#settled) {
      if (this.#socket?.isPaused() === true) this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#chunks.length > 0) return this.#chunks.shift();
    if (this.#error !== undefined) throw this.#error;
    return undefined;
  }

  /** Gives the connection back to the driver. @param rest what came behind the rows. @throws what the server said */
  async end(rest: Buffer): Promise<void> {
    const all = Buffer.concat([rest, ...this.#chunks.splice(0)]);
    const ofDriver = this.#ofDriver!;
    this.#giveBack();
    if (all.length > 0) ofDriver(all);
    this.#socket!.resume();
    await this.chunk();
  }

  /** Once it is over, or nothing of what comes is wanted any more: then the connection is of no use. */
  leave(): void {
    this.callback?.();
    if (this.#giveBack()) this.#socket!.destroy();
  }

  /** @returns false when the driver has it already */
  #giveBack(): boolean {
    if (this.#socket === undefined || this.#ofDriver === undefined) return false;
    this.#socket.removeListener('data', this.#take);
    this.#socket.on('data', this.#ofDriver);
    this.#ofDriver = undefined;
    return true;
  }

  // What the driver tells.

  handleError(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#settled = true;
    this.#wake();
  }
}

/**
 * Each turn gives the cursor with more rows in it. Whoever stops early loses the connection.
 * @throws PostgresError, or what the driver says
 */
export async function* copyOut(client: pg.PoolClient, sql: string): AsyncGenerator<BinaryRows> {
  const rows = new BinaryRows();
  const copy = new CopyOut(`COPY (${sql}) TO STDOUT (FORMAT binary)`);
  client.query(copy as unknown as pg.Submittable);
  try {
    while (!rows.over) {
      const chunk = await copy.chunk();
      if (chunk === undefined) break;
      rows.push(chunk);
      yield rows;
      // What was not looked at is passed over: the connection goes on behind the last row.
      while (rows.next());
    }
    await copy.end(rows.rest());
  } finally {
    copy.leave();
  }
  if (!rows.ended) throw new PostgresError('unreachable', 'the rows ended before their end was told');
}
