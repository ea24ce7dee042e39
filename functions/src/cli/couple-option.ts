import { UsageError } from '../errors/mirror-error';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';

/**
 * Collects the couples that `--couple` names. One that can't be a key of RTDB is refused at once: a
 * run of it could only fail, and would be taken up by every `--resume`.
 *
 * @throws UsageError
 */
export function coupleOption(coupleId: string, couples: string[] | undefined): string[] {
  const isKey = coupleId !== '' && !REFUSED_IN_KEY.test(coupleId);
  if (!isKey || Buffer.byteLength(coupleId) > MAX_KEY_BYTES) {
    throw new UsageError('--couple: expected an id of a couple, as RTDB has it under daily_quests');
  }
  return [...(couples ?? []), coupleId];
}
