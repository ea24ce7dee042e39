import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import {
  type Reading,
  type RtdbAccess,
  RtdbReadError,
  readRtdb,
  requestRtdb,
} from '../rtdb/rtdb-client';
import { newUsage, type RtdbUsage } from '../rtdb/rtdb-transport';
import { compareUtf8 } from '../values/utf8-order';

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
  /** The value at literal keys; null where there is none. */
  readLeaf(path: readonly string[]): Promise<unknown>;
  /** What was read so far. */
  readonly usage: RtdbUsage;
}

/**
 * The tree over REST: couples by a shallow read, their days by key range, so that no answer grows
 * with the whole database. The list of couples does: about 40 MB for a million of them.
 */
export function createRtdbTree(options: RtdbAccess): RtdbTree {
  const usage = newUsage();
  const access = { ...options, usage };
  return {
    usage,
    async listCouples() {
      const path = ['daily_quests'];
      const couples = await readRtdb(access, { path, query: { shallow: 'true' } });
      if (couples === null) return [];
      if (typeof couples !== 'object') {
        throw new RtdbReadError('RTDB holds no couples at daily_quests: expected an object there');
      }
      const ids = Object.keys(couples).filter((coupleId) => coupleId !== CANARY_COUPLE);
      return ids.sort(compareUtf8);
    },
    readDays(coupleId, fromDate, toDate) {
      const range = { startAt: JSON.stringify(fromDate), endAt: JSON.stringify(toDate) };
      const path = ['daily_quests', coupleId];
      return readRtdb(access, { path, query: { orderBy: '"$key"', ...range } });
    },
    readCompletions(coupleId, dateKey, { quests, bytes: maxBytes }, signal) {
      const path = ['daily_quests', coupleId, dateKey, 'completions'];
      const query = { orderBy: '"$key"', limitToFirst: String(quests) };
      return requestRtdb(access, { path, query, signal, maxBytes });
    },
    readLeaf: (path) => readRtdb(access, { path }),
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
