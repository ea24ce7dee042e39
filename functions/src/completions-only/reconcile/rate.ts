/** A share of keys as the integers it was counted in: nothing is rounded before it is judged. */
export interface Rate {
  matched: number;
  compared: number;
}

/** A decimal fraction, exactly as it was written. */
export interface Threshold {
  text: string;
  digits: bigint;
  scale: bigint;
}

/** Reads a decimal in (0, 1], such as `0.99`; null where the text is none. */
export function parseThreshold(text: string): Threshold | null {
  const match = /^(0|1)?(?:\.(\d{1,15}))?$/.exec(text);
  if (!match) return null;
  const [, whole = '0', fraction = ''] = match;
  const digits = BigInt(whole + fraction);
  const scale = 10n ** BigInt(fraction.length);
  return digits > 0n && digits <= scale ? { text, digits, scale } : null;
}

/** Whether matched / compared is the threshold or more; a rate of nothing is not. */
export function isAtLeast({ matched, compared }: Rate, { digits, scale }: Threshold): boolean {
  return compared > 0 && BigInt(matched) * scale >= digits * BigInt(compared);
}

/** `99.9960%`: cut, not rounded, so that 99.99999% does not look like all of it. Null of nothing. */
export function formatRate({ matched, compared }: Rate): string | null {
  if (compared === 0) return null;
  const parts = (BigInt(matched) * 1_000_000n) / BigInt(compared);
  return `${parts / 10_000n}.${String(parts % 10_000n).padStart(4, '0')}%`;
}

/** For machines; null of nothing, never NaN. */
export function ratio({ matched, compared }: Rate): number | null {
  return compared === 0 ? null : matched / compared;
}
