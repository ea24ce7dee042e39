import { write } from 'firebase-functions/logger';
import type { FlagRule } from './flag-rule';

/** Logs what a look saw where it differs from the one before: a line a change, not one a minute. */
export function createFlagLog(): (rule: FlagRule) => void {
  let last = '';
  return ({ mode, source, version, paths, complaint }) => {
    const off = [...paths.off].sort();
    const ofTemplate = mode === 'percent' ? version : null;
    const state = JSON.stringify([mode, source, complaint, ofTemplate, off]);
    if (state === last) return;
    last = state;
    write({
      severity: complaint === null ? 'INFO' : 'WARNING',
      message: `mirroring is ${mode === 'percent' ? 'on for a part of the couples' : mode}`,
      flag: mode,
      flag_source: source,
      flag_version: version,
      ...(off.length === 0 ? {} : { flag_paths_off: off }),
      ...(complaint === null ? {} : { complaint }),
    });
  };
}
