import { ConnectError } from '../postgres/connect-error';
import { blameOf, sqlstateOf } from '../postgres/sqlstate';

/** What is done with every shard, and how. */
export interface ShardWork<Shard> {
  /** Shards at once. */
  concurrency: number;
  /** One that can't be done doesn't keep others from it. */
  work(shard: Shard): Promise<void>;
  onFailure(shard: Shard, error: unknown): void;
  /** Receives the shards of a part once all of it is done or has failed, in their order. */
  onPart?(shards: readonly Shard[]): Promise<void>;
}

/** So many in a row that can't be done are no matter of single shards. */
const MAX_FAILED_IN_A_ROW = 20;
const LEAST_OF_PART = 100;

/**
 * Does something with each shard of pages of them, several at once, in parts: no more than a page and a part are in
 * memory.
 *
 * @returns rejects where the list can't be read, Postgres is away, or one shard after the other fails
 */
export async function eachShard<Shard = string>(
  pages: AsyncIterable<readonly Shard[]>,
  { concurrency, work, onFailure, onPart }: ShardWork<Shard>,
): Promise<void> {
  const size = Math.max(LEAST_OF_PART, concurrency * 4);
  let failedInARow = 0;
  const one = async (shard: Shard) => {
    try {
      await work(shard);
      failedInARow = 0;
    } catch (error) {
      failedInARow += 1;
      if (isForAll(error) || failedInARow >= MAX_FAILED_IN_A_ROW) throw error;
      onFailure(shard, error);
    }
  };
  for await (const page of pages) {
    for (let start = 0; start < page.length; start += size) {
      const part = page.slice(start, start + size);
      await inTurns(part, concurrency, one);
      await onPart?.(part);
    }
  }
}

/** Work on all of these, some at once. The first failure ends it, once what is under way has ended. */
async function inTurns<Shard>(
  shards: readonly Shard[],
  concurrency: number,
  work: (shard: Shard) => Promise<void>,
): Promise<void> {
  const waiting = [...shards];
  let isOver = false;
  const worker = async () => {
    for (let shard = waiting.shift(); shard !== undefined && !isOver; shard = waiting.shift()) {
      await work(shard).catch((error: unknown) => {
        isOver = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Postgres is away, or lacks something: the next shard would fail as well. */
export function isForAll(error: unknown): boolean {
  if (error instanceof ConnectError) return true;
  return sqlstateOf(error) !== null && ['session', 'server', 'setup'].includes(blameOf(error));
}
