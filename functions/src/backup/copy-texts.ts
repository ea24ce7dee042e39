import { z } from 'zod';
import { query } from '../postgres/statements';

/** What the path declares: names and types, in the order of a row. */
const COLUMNS = z.array(z.tuple([z.string(), z.string()]));

/**
 * COPY takes no parameters and no name of a table either, so Postgres itself writes the statements,
 * each name and value quoted by `format`. Of a path:
 *
 * - `integers` and `others`: all rows, in RTDB's order of shards: those that look like a 32-bit integer
 *   first, by their number, then the rest by their bytes. A shard's rows come in key order.
 * - `some`: the rows of the shards in $2.
 *
 * A row has the key columns, then those of {@link ROW_COLUMNS}, then those that its path declares, by name.
 */
export const COPY_TEXTS = query({
  text: `
with named as (
  select
    relation::regclass as relation,
    format('%I', key_columns[1]) as shard,
    (select string_agg(format('%I', name), ', ' order by place)
     from unnest(key_columns) with ordinality as columns (name, place)) as key,
    (select coalesce(string_agg(format(', %I', name), '' order by name collate "C"), '')
     from jsonb_object_keys(other_columns) as columns (name)) as others,
    (select coalesce(jsonb_agg(jsonb_build_array(name, type) order by name collate "C"), '[]')
     from jsonb_each_text(other_columns) as columns (name, type)) as columns
  from mirror.paths
  where path = $1 and removed_at is null
), parts as (
  select
    format(
      'copy (select %s, payload, origin, event_id, event_time, deleted_at, mirrored_at%s from %s',
      key, others, relation
    ) as beginning,
    columns,
    format(
      $sql$%1$s::text >= '-' and %1$s::text < ':' and case when %1$s::text ~ '^-?0*[0-9]{1,10}$'
        then %1$s::text::numeric between -2147483648 and 2147483647 else false end$sql$,
      shard
    ) as is_integer,
    shard,
    key
  from named
)
select
  format('%s where %s order by %s::text::numeric, length(%3$s::text), %s) to stdout',
    beginning, is_integer, shard, key) as integers,
  format('%s where not (%s) order by %s) to stdout', beginning, is_integer, key) as others,
  format('%s where %s::text = any (%L::text[]) order by %s) to stdout', beginning, shard, $2::text[], key)
    as some,
  columns
from parts
`,
  params: { path: 'text', shards: 'text[]' },
  row: { integers: z.string(), others: z.string(), some: z.string(), columns: COLUMNS },
});

/** What a row has besides its key. */
export const ROW_COLUMNS = [
  ...['payload', 'origin', 'event_id', 'event_time', 'deleted_at', 'mirrored_at'],
] as const;
