/** A canary that was written, and whether Postgres has it. */
export interface Canary {
  writtenAt: string;
  hasArrived: boolean;
}

/** What the canaries of the window tell of a path. */
export interface CanaryWord {
  /** Those that had time to arrive. */
  flown: number;
  came: number;
  newestAt: string | null;
  /** The longest run of lost ones. */
  lost: { count: number; fromAt: string; toAt: string } | null;
}

/** So many lost in a row are no accident. */
export const CANARIES_IN_A_ROW = 3;
const CONFIDENCE = 0.95;

/**
 * Pure.
 *
 * @param canaries of one path, oldest first, without those that were written while mirroring was off
 */
export function wordOfCanaries(canaries: readonly Canary[]): CanaryWord {
  const newest = canaries.at(-1);
  // The newest is looked for when the next one flies.
  const flown = newest === undefined || newest.hasArrived ? canaries : canaries.slice(0, -1);
  let run: Canary[] = [];
  let longest: Canary[] = [];
  for (const canary of flown) {
    run = canary.hasArrived ? [] : [...run, canary];
    if (run.length > longest.length) longest = run;
  }
  const [first, last] = [longest[0], longest.at(-1)];
  return {
    flown: flown.length,
    came: flown.filter(({ hasArrived }) => hasArrived).length,
    newestAt: newest?.writtenAt ?? null,
    lost:
      first && last
        ? { count: longest.length, fromAt: first.writtenAt, toAt: last.writtenAt }
        : null,
  };
}

/** How large a steady loss may be that so many canaries would show but once in 20 times; null where none flew. */
export function steadyLossNotSeen({
  flown,
  came,
}: Pick<CanaryWord, 'flown' | 'came'>): number | null {
  if (flown === 0) return null;
  const lost = flown - came;
  let [low, high] = [0, 1];
  for (let halving = 0; halving < 40; halving += 1) {
    const middle = (low + high) / 2;
    if (chanceOfAtMost(lost, flown, middle) > 1 - CONFIDENCE) low = middle;
    else high = middle;
  }
  return high;
}

/** The chance that of `flown` canaries at most `lost` are lost, each with the same chance. */
function chanceOfAtMost(lost: number, flown: number, each: number): number {
  let term = (1 - each) ** flown;
  let sum = term;
  for (let k = 1; k <= lost; k += 1) {
    term *= ((flown - k + 1) / k) * (each / (1 - each));
    sum += term;
  }
  return sum;
}
