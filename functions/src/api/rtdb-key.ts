import { z } from 'zod';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';
import { isStorable } from '../values/storable';

/** The other user's id: empty in couples that were paired without one, `_<user id>` in RTDB. */
export const partnerIdSchema = z
  .string()
  .refine(
    (text) => !REFUSED_IN_KEY.test(text),
    'expected none of . $ # [ ] / and no control characters',
  )
  .refine(isStorable, 'expected text without lone surrogates')
  .refine(
    (text) => Buffer.byteLength(text) <= MAX_KEY_BYTES,
    `expected at most ${MAX_KEY_BYTES} bytes of UTF-8`,
  );

/** A user's or a quest's id, which is a key of RTDB's. */
export const rtdbKeySchema = partnerIdSchema.min(1, 'expected text, not empty');
