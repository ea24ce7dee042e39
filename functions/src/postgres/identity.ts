import { z } from 'zod';

/** $1 instance, $2 host: whether that is the RTDB which this database mirrors; the first asked about is. */
export const IS_OWN_RTDB = 'select mirror.is_own_rtdb($1, $2) as is_own';

const ROW = z.object({ is_own: z.boolean() });

export function parseIsOwn(rows: unknown[]): boolean {
  return ROW.parse(rows[0]).is_own;
}
