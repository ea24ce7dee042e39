/** The reserved couple of the function `mirrorCanary`: left out of every count (docs/consistency.md). */
export const CANARY_COUPLE = 'canary_canary-partner';
