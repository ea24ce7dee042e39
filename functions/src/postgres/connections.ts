import type { ClientConfig } from 'pg';
import { ConnectGate } from './connect-gate';
import { PipelinedConnection } from './pipelined-connection';

/**
 * Up to `max` connections, one by default: each function instance holds this many, and Postgres has
 * few. As in any pool a further one is opened when all others are busy; at `max`, they pipeline.
 */
export class Connections {
  readonly #open: PipelinedConnection[] = [];
  readonly #gate = new ConnectGate();

  constructor(
    private readonly config: ClientConfig,
    private readonly max: number,
  ) {}

  /** `host:port`, for messages. */
  get address(): string {
    return `${this.config.host}:${this.config.port}`;
  }

  /** How many statements may be in flight at once. */
  get capacity(): number {
    return this.max * Math.max(1, ...this.#open.map(({ depth }) => depth));
  }

  /** Runs one statement on the least busy connection. */
  run(text: string, values: unknown[], signal?: AbortSignal): Promise<unknown[]> {
    return this.#pick().run(text, values, signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((connection) => connection.close()));
  }

  #pick(): PipelinedConnection {
    let best = this.#open[0];
    for (const connection of this.#open) {
      if (best === undefined || connection.load < best.load) best = connection;
    }
    if (best !== undefined && (best.load === 0 || this.#open.length >= this.max)) {
      return best;
    }
    const added = new PipelinedConnection(this.config, this.#gate);
    this.#open.push(added);
    return added;
  }
}
