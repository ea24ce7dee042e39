import type { ClientConfig } from 'pg';
import { PipelinedConnection } from './pipelined-connection';

/** Where more connections are allowed, another one is opened before a pipeline is all full. */
const BUSY_LOAD = 4;

/**
 * Up to `max` connections, one by default: each function instance holds this many, and Postgres has
 * few. A further one is opened only when all others are busy.
 */
export class Connections {
  readonly #open: PipelinedConnection[] = [];

  constructor(
    private readonly config: ClientConfig,
    private readonly max: number,
  ) {}

  /** How many statements may be in flight at once. */
  get capacity(): number {
    return this.max * Math.max(1, ...this.#open.map(({ depth }) => depth));
  }

  /** Runs one statement on the least busy connection. */
  run(text: string, values: unknown[]): Promise<unknown[]> {
    return this.#pick().run(text, values);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((connection) => connection.close()));
  }

  #pick(): PipelinedConnection {
    let best = this.#open[0];
    for (const connection of this.#open) {
      if (best === undefined || connection.load < best.load) best = connection;
    }
    if (
      best !== undefined &&
      (best.load < Math.min(best.depth, BUSY_LOAD) || this.#open.length >= this.max)
    ) {
      return best;
    }
    const added = new PipelinedConnection(this.config);
    this.#open.push(added);
    return added;
  }
}
