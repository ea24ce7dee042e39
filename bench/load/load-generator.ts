import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Workload } from './workload';

/** The parent's side of the generator process. */
export class LoadGenerator {
  readonly #child: ChildProcess = fork(join(__dirname, 'generator.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

  /** One round at a time. */
  run(request: LoadRequest): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the load generator ended'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (answer: { result?: LoadResult; error?: string }) => {
        this.#child.off('exit', onExit);
        if (answer.result) resolve(answer.result);
        else reject(new Error(`the load generator failed: ${answer.error}`));
      });
      this.#child.send(request);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}

/** What the generator is asked to do in one round. */
export interface LoadRequest {
  port: number;
  /** Distinct for each round: it is part of every key and event id. */
  roundId: string;
  workload: Workload;
  /** Requests in flight: exactly so many (closed), or at most (open: as the platform caps them). */
  concurrency: number;
  /** Open loop: events offered a second, whatever is answered. Null: as fast as answers come. */
  ratePerSecond: number | null;
  /** The round ends at whichever comes first. */
  maxEvents: number;
  durationMs: number;
}

export interface LoadResult {
  events: number;
  updates: number;
  elapsedMs: number;
  eventsPerSecond: number;
  /** From when the event was due, so that waiting for a slot counts. */
  p50Ms: number;
  p99Ms: number;
  /** Answers that were not 2xx, by status; `error` = no answer. */
  failures: Record<string, number>;
  /** CPU time of the generator over the round's time: 1 = it was the bottleneck. */
  generatorLoad: number;
}
