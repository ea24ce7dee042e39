import { z } from 'zod';

/**
 * Triggers on mirrored tables and their partitions that are not the mirror's, and whose function sets
 * no search_path. Functions in C look no names up.
 */
export const TRIGGERS_WITHOUT_SEARCH_PATH = `
select
  format('%I on %I.%I', t.tgname, tn.nspname, c.relname) as trigger,
  format('%I.%I()', fn.nspname, p.proname) as function
from pg_catalog.pg_trigger as t
join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as tn on tn.oid = c.relnamespace
join pg_catalog.pg_proc as p on p.oid = t.tgfoid
join pg_catalog.pg_namespace as fn on fn.oid = p.pronamespace
join pg_catalog.pg_language as l on l.oid = p.prolang
where not t.tgisinternal
  and t.tgparentid = 0
  and fn.nspname <> 'mirror'
  and l.lanname not in ('c', 'internal')
  and not exists (
    select from unnest(p.proconfig) as setting where setting like 'search_path=%'
  )
  and exists (
    select
    from mirror.paths as p
    where p.removed_at is null
      and to_regclass(p.relation) = coalesce(pg_partition_root(c.oid), c.oid)
  )
order by 1
`;

const ROW = z.object({ trigger: z.string(), function: z.string() });

export function parseTriggers(rows: unknown[]): z.infer<typeof ROW>[] {
  return rows.map((row) => ROW.parse(row));
}
