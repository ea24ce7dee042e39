import { UsageError } from './errors';

/** RTDB's limit for one key. Source: Firebase documentation, "Realtime Database Limits". */
const MAX_KEY_BYTES = 768;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RTDB's keys hold none.
const NO_KEY = /[.$#[\]/\u0000-\u001f\u007f]/;

/**
 * Collects the couples that `--couple` names. One that can't be a key of RTDB is refused at once: a
 * run of it could only fail, and would be taken up by every `--resume`.
 *
 * @throws UsageError
 */
export function coupleOption(coupleId: string, couples: string[] | undefined): string[] {
  if (coupleId === '' || NO_KEY.test(coupleId) || Buffer.byteLength(coupleId) > MAX_KEY_BYTES) {
    throw new UsageError('--couple: expected an id of a couple, as RTDB has it under daily_quests');
  }
  return [...(couples ?? []), coupleId];
}
