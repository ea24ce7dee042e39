import { write } from 'firebase-functions/logger';
import type { FlagNote } from '../coverage/coverage';
import type { FlagChange, FlagWatch } from '../flag/flag-watch';
import { sqlstateOf } from '../postgres/sqlstate';
import type { MirrorStore } from './mirror-store';

/**
 * The store of an instance: opened by the first event that needs it, and closed again once mirroring is
 * off and the last event that was let through before is done.
 */
export class LazyStore {
  #store: MirrorStore | null = null;
  #users = 0;

  constructor(private readonly open: () => MirrorStore) {}

  get(): MirrorStore {
    this.#store ??= this.open();
    return this.#store;
  }

  enter(): void {
    this.#users += 1;
  }

  /** @returns what to await before answering; undefined = nothing */
  leave(isWanted: boolean): Promise<void> | undefined {
    this.#users -= 1;
    if (isWanted || this.#users > 0 || this.#store === null) return undefined;
    const store = this.#store;
    this.#store = null;
    // Not worth failing an event for: all that was sent has been answered.
    return store.close().catch(() => {});
  }
}

/**
 * Notes changes of the flag, or of one path's, in `mirror.coverage`, as the instance that saw them.
 * Switching off costs this one write, before the connection is closed; an instance that starts while it is
 * off writes nothing. Not worth failing an event for: the canary notes what it sees every five minutes.
 */
export async function noteFlagChanges(
  changes: readonly FlagChange[],
  flag: Pick<FlagWatch, 'mode'>,
  store: LazyStore,
): Promise<void> {
  // At its first look an instance has nothing to tell but that a part of the couples is on.
  const told = changes.filter(({ before, after }) => before !== null || after === 'percent');
  if (told.length === 0) return;
  store.enter();
  try {
    for (const change of told) await store.get().noteFlag(noteOf(change));
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    write({ severity: 'WARNING', message: 'the change of the flag was not noted', sqlstate });
  } finally {
    await store.leave(flag.mode !== 'off');
  }
}

function noteOf(change: FlagChange): FlagNote {
  const { path, before, after, rule, beforeSinceMs, beforeUntilMs, seenAtMs } = change;
  return {
    path,
    seen: after,
    // Any time since it was last seen otherwise.
    since: new Date(before === null ? seenAtMs : beforeUntilMs),
    offSince: before === 'off' ? new Date(beforeSinceMs) : null,
    version: path === null ? rule.version : rule.paths.version,
    evidence: { by: 'mirror', ...(path === null ? rule.detail : {}) },
  };
}
