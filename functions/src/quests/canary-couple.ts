/** The reserved couple of the `canary` function: left out of every count (DESIGN section 5). */
export const CANARY_COUPLE = 'canary_canary-partner';
