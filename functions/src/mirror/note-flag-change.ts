import { write } from 'firebase-functions/logger';
import type { FlagChange } from '../flag/flag-watch';
import type { FlagNote } from '../postgres/coverage';
import { sqlstateOf } from '../postgres/sqlstate';
import type { HeldStore } from './held-store';

/**
 * Notes a change of the flag in `mirror.coverage`, as the instance that saw it. Switching off costs this
 * one write, before the connection is closed; an instance that starts while it is off writes nothing.
 * Not worth failing an event for: the canary notes what it sees every five minutes.
 */
export async function noteFlagChange(change: FlagChange, held: HeldStore): Promise<void> {
  const { before, after } = change;
  // At its first look an instance has nothing to tell but that a part of the couples is on.
  if (before === null && after.mode !== 'percent') return;
  held.enter();
  try {
    await held.get().noteFlag(noteOf(change));
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    write({ severity: 'WARNING', message: 'the change of the flag was not noted', sqlstate });
  } finally {
    await held.leave(after.mode !== 'off');
  }
}

function noteOf({ before, after, beforeSinceMs, beforeUntilMs, seenAtMs }: FlagChange): FlagNote {
  return {
    seen: after.mode,
    // Any time since it was last seen otherwise.
    since: new Date(before === null ? seenAtMs : beforeUntilMs),
    offSince: before?.mode === 'off' ? new Date(beforeSinceMs) : null,
    version: after.version,
    evidence: { by: 'mirror', ...after.detail },
  };
}
