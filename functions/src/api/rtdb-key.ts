import { z } from 'zod';
import { isStorable } from '../values/storable';

/** What RTDB refuses in a key. Source: Firebase documentation, "Structure your database". */
// biome-ignore lint/suspicious/noControlCharactersInRegex: RTDB names them
const NO_KEY = /[.$#[\]/\u0000-\u001f\u007f]/;
const MAX_KEY_BYTES = 768;

/** A user's or a quest's id, which is a key of RTDB's. */
export const rtdbKeySchema = z
  .string()
  .min(1, 'expected text, not empty')
  .refine((text) => !NO_KEY.test(text), 'expected none of . $ # [ ] / and no control characters')
  .refine(isStorable, 'expected text without lone surrogates')
  .refine(
    (text) => Buffer.byteLength(text) <= MAX_KEY_BYTES,
    `expected at most ${MAX_KEY_BYTES} bytes of UTF-8`,
  );
