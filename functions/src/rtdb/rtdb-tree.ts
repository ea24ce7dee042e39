import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import type { CompletionKey } from '../paths/quest-completions/completion-path';
import { compareUtf8 } from '../values/utf8-order';
import type { Reading } from './rtdb-reader';
import {
  type RtdbAnswer,
  RtdbReadError,
  type RtdbRequestOptions,
  requestRtdb,
} from './rtdb-request';

/** Reads RTDB's quests for a comparison, with what it cost. Rejects with RtdbReadError. */
export interface RtdbTree {
  /** Ids of all couples that have any day, in UTF-8 byte order; without the canary's. */
  listCouples(): Promise<string[]>;
  /** A couple's days from `fromDate` to `toDate` (both included): day -> node; null for none. */
  readDays(coupleId: string, fromDate: string, toDate: string): Promise<unknown>;
  /** The first quests of a couple's day that somebody completed: quest -> user -> value. */
  readCompletions(
    coupleId: string,
    dateKey: string,
    most: { quests: number; bytes: number },
    signal: AbortSignal,
  ): Promise<Reading>;
  /** One leaf's value; null where there is none. */
  readLeaf(key: CompletionKey): Promise<unknown>;
  /** What was read so far: bytes of the bodies, requests that were answered. */
  readonly usage: { bytes: number; requests: number };
}

/**
 * The tree over REST: couples by a shallow read, their days by key range, so that no answer grows
 * with the whole database. The list of couples does: about 40 MB for a million of them.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data
 */
export function createRtdbTree(options: RtdbRequestOptions): RtdbTree {
  const usage = { bytes: 0, requests: 0 };
  const ask = async (
    path: readonly string[],
    query: Readonly<Record<string, string>> = {},
    bounds: Pick<RtdbRequestOptions, 'signal' | 'maxBytes'> = {},
  ): Promise<RtdbAnswer> => {
    const answer = await requestRtdb(path, query, { ...options, ...bounds });
    usage.bytes += answer.bytes;
    usage.requests += 1;
    return answer;
  };
  const read: (...asked: Parameters<typeof ask>) => Promise<unknown> = async (...asked) =>
    (await ask(...asked)).value;
  return {
    usage,
    async listCouples() {
      const couples = await read(['daily_quests'], { shallow: 'true' });
      if (couples === null) return [];
      if (typeof couples !== 'object') {
        throw new RtdbReadError('RTDB holds no couples at daily_quests: expected an object there');
      }
      const ids = Object.keys(couples).filter((coupleId) => coupleId !== CANARY_COUPLE);
      return ids.sort(compareUtf8);
    },
    readDays(coupleId, fromDate, toDate) {
      const range = { startAt: JSON.stringify(fromDate), endAt: JSON.stringify(toDate) };
      return read(['daily_quests', coupleId], { orderBy: '"$key"', ...range });
    },
    async readCompletions(coupleId, dateKey, { quests, bytes: maxBytes }, signal) {
      const first = { orderBy: '"$key"', limitToFirst: String(quests) };
      const path = ['daily_quests', coupleId, dateKey, 'completions'];
      const { value, isWhole } = await ask(path, first, { signal, maxBytes });
      return isWhole ? { isWhole, value } : { isWhole };
    },
    readLeaf({ coupleId, dateKey, questId, userId }) {
      return read(['daily_quests', coupleId, dateKey, 'completions', questId, userId]);
    },
  };
}

/**
 * A tree that is read only once it is known to be the one which the database mirrors.
 *
 * @param check rejects where it isn't; asked until it held
 */
export function onlyOwn(tree: RtdbTree, check: () => Promise<void>): RtdbTree {
  let holds = false;
  const checked = async (): Promise<void> => {
    if (!holds) await check();
    holds = true;
  };
  return {
    usage: tree.usage,
    listCouples: () => checked().then(() => tree.listCouples()),
    readDays: (...asked) => checked().then(() => tree.readDays(...asked)),
    readCompletions: (...asked) => checked().then(() => tree.readCompletions(...asked)),
    readLeaf: (...asked) => checked().then(() => tree.readLeaf(...asked)),
  };
}
