import { z } from 'zod';
import type { RtdbIdentity } from './rtdb-identity';

/** $1 instance, $2 host: whether that is the RTDB which this database mirrors; the first asked about is. */
export const IS_OWN_RTDB = 'select mirror.is_own_rtdb($1, $2) as is_own';

const ROW = z.object({ is_own: z.boolean() });

export function parseIsOwn(rows: unknown[]): boolean {
  return ROW.parse(rows[0]).is_own;
}

/** Which RTDB this database mirrors, and since when. No row until its first use. */
export const READ_IDENTITY = `
select instance, host, to_char(set_at at time zone 'UTC', 'YYYY-MM-DD') as set_on
from mirror.identity
`;

export interface KnownIdentity extends RtdbIdentity {
  /** `YYYY-MM-DD`, UTC. */
  setOn: string;
}

const KNOWN = z.object({ instance: z.string(), host: z.string(), set_on: z.string() });

export function parseIdentity(rows: unknown[]): KnownIdentity | null {
  if (rows.length === 0) return null;
  const { instance, host, set_on } = KNOWN.parse(rows[0]);
  return { instance, host, setOn: set_on };
}

/** $1 instance, $2 host: from now on this database mirrors that RTDB. For owners. */
export const ADOPT_RTDB = `
insert into mirror.identity (instance, host)
values ($1, $2)
on conflict on constraint identity_pkey do update
set instance = excluded.instance, host = excluded.host, set_at = clock_timestamp()
`;
