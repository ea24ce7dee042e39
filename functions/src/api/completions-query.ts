import { z } from 'zod';
import { isRealDate } from '../values/event-time';
import { rtdbKeySchema } from './rtdb-key';

/** The query of the validation read. */
export const completionsQuerySchema = z.object({
  partner_id: rtdbKeySchema.describe('The other user of the couple'),
  date: z
    .string()
    .refine(isRealDate, 'expected a calendar date that exists, YYYY-MM-DD')
    .describe('The day, YYYY-MM-DD'),
});
