import { z } from 'zod';

/**
 * Writes that changed many leaves: $1 couples, $2 and $3 first and last day. Looks at the instants
 * that most rows of one couple share, and counts who else shares them: within an hour, since what a
 * write changes is delivered together.
 */
export const MASS_WRITES = `
with shared as (
  select q.couple_id, q.event_time, count(*) as leaves
  from unnest($1::text[]) as asked (couple_id)
  join rtdb.quest_completions as q
    on q.couple_id = asked.couple_id and q.date_key between $2::date and $3::date
  where q.event_time > '-infinity'
  group by q.couple_id, q.event_time
  having count(*) >= 4
),
likely as materialized (
  select event_time, array_agg(couple_id) as couples
  from shared
  group by event_time
  order by sum(leaves) desc
  limit 5
)
select
  to_char(likely.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  likely.couples,
  together.leaves::integer as leaves
from likely
cross join lateral (
  select count(*) as leaves
  from rtdb.quest_completions as q
  where q.event_time = likely.event_time
    and q.mirrored_at between likely.event_time - interval '1 hour'
      and (
        select max(own.mirrored_at) + interval '1 hour'
        from rtdb.quest_completions as own
        where own.couple_id = any (likely.couples) and own.event_time = likely.event_time
      )
) as together
`;

const MASS_WRITE = z.object({
  event_time: z.string(),
  couples: z.array(z.string()),
  leaves: z.number(),
});

/** A write of many leaves: how many of them came, and to which of the couples asked for. */
export interface MassWrite {
  eventTime: string;
  couples: string[];
  leaves: number;
}

export function parseMassWrites(rows: unknown[]): MassWrite[] {
  return rows.map((row) => {
    const { event_time, couples, leaves } = MASS_WRITE.parse(row);
    return { eventTime: event_time, couples, leaves };
  });
}
