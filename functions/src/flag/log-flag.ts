import { write } from 'firebase-functions/logger';
import type { FlagRule } from './flag-rule';

/** Logs what a look saw where it differs from the one before: a line a change, not one a minute. */
export function createFlagLog(): (rule: FlagRule) => void {
  let last = '';
  return ({ mode, source, version, complaint }) => {
    const state = JSON.stringify([mode, source, complaint, mode === 'percent' ? version : null]);
    if (state === last) return;
    last = state;
    write({
      severity: complaint === null ? 'INFO' : 'WARNING',
      message: `mirroring is ${mode === 'percent' ? 'on for a part of the couples' : mode}`,
      flag: mode,
      flag_source: source,
      flag_version: version,
      ...(complaint === null ? {} : { complaint }),
    });
  };
}
