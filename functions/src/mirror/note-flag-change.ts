import { write } from 'firebase-functions/logger';
import type { FlagNote } from '../coverage/coverage';
import type { FlagChange, FlagWatch } from '../flag/flag-watch';
import { sqlstateOf } from '../postgres/sqlstate';
import type { HeldStore } from './held-store';

/**
 * Notes changes of the flag, or of one path's, in `mirror.coverage`, as the instance that saw them.
 * Switching off costs this one write, before the connection is closed; an instance that starts while it is
 * off writes nothing. Not worth failing an event for: the canary notes what it sees every five minutes.
 */
export async function noteFlagChanges(
  changes: readonly FlagChange[],
  flag: Pick<FlagWatch, 'mode'>,
  held: HeldStore,
): Promise<void> {
  // At its first look an instance has nothing to tell but that a part of the couples is on.
  const told = changes.filter(({ before, after }) => before !== null || after === 'percent');
  if (told.length === 0) return;
  held.enter();
  try {
    for (const change of told) await held.get().noteFlag(noteOf(change));
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    write({ severity: 'WARNING', message: 'the change of the flag was not noted', sqlstate });
  } finally {
    await held.leave(flag.mode !== 'off');
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
