import { z } from 'zod';
import { DATE_PATTERN, EXPECTED_DATE, isSaneDate } from '../values/time-grammar';
import { partnerIdSchema } from './rtdb-key';

/** The query of the validation read. */
export const completionsQuerySchema = z.object({
  partner_id: partnerIdSchema.describe(
    "The other user of the couple; empty where the couple's id names nobody else",
  ),
  date: z
    .string()
    .regex(new RegExp(DATE_PATTERN), { error: EXPECTED_DATE, abort: true })
    .refine((day) => isSaneDate(day, new Date().toISOString()), EXPECTED_DATE)
    .describe('The day, YYYY-MM-DD'),
});
