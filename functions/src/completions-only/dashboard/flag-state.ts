import type { CoverageGap } from '../postgres/gate-evidence';

/** Whether writes are mirrored now, as far as can be told from here. */
export interface FlagState {
  state: 'on' | 'off' | 'percent';
  since: string | null;
  /** Where the answer comes from. */
  source: string;
}

/**
 * The flag as instances of the mirror last saw it (`mirror.coverage`), else as this function was
 * deployed: its own parameter is the same deployment's. Pure.
 */
export function flagState(gaps: readonly CoverageGap[], isEnabledHere: boolean): FlagState {
  const open = gaps.filter(({ toAt }) => toAt === null);
  const off = open.find(({ reason }) => reason === 'flag_off');
  const percent = open.find(({ reason }) => reason === 'percent');
  const parameter = `ENABLE_SUPABASE_DUAL_WRITE is ${isEnabledHere} here`;
  const seen = off ?? percent;
  if (seen) {
    const state = seen === off ? 'off' : 'percent';
    return { state, since: seen.fromAt, source: `as the mirror saw it; ${parameter}` };
  }
  const source = isEnabledHere ? `${parameter}; no open gap` : parameter;
  return { state: isEnabledHere ? 'on' : 'off', since: null, source };
}
