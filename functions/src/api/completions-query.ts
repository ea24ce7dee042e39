import { z } from 'zod';
import { DATE_PATTERN, EXPECTED_DATE, isSaneDate } from '../values/time-grammar';
import { rtdbKeySchema } from './rtdb-key';

/** The query of the validation read. */
export const completionsQuerySchema = z.object({
  partner_id: rtdbKeySchema.describe('The other user of the couple'),
  date: z
    .string()
    .regex(new RegExp(DATE_PATTERN), { error: EXPECTED_DATE, abort: true })
    .refine((day) => isSaneDate(day, new Date().toISOString()), EXPECTED_DATE)
    .describe('The day, YYYY-MM-DD'),
});
