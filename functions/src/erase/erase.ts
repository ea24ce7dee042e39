import { z } from 'zod';
import { query, type Statements } from '../postgres/statements';

/** All ids that mean a person: the one given and, if that is an app's id, those that RTDB has for it. */
export const IDS_OF_PERSON = query({
  text: `
select
  mirror.ids_of($1) as ids,
  (
    select count(*)::integer
    from mirror.identities as own
    join mirror.identities as other using (app_user_id)
    where own.rtdb_user_id = $1 and other.rtdb_user_id <> $1 and own.app_user_id <> $1
  ) as others,
  (select own.app_user_id from mirror.identities as own where own.rtdb_user_id = $1) as app_user_id
`,
  params: { id: 'text' },
  row: { ids: z.array(z.string()), others: z.number(), appUserId: z.string().nullable() },
});

/** From here on what holds one of the ids is dropped; for good stays for good. */
const DROP_FROM_NOW = query({
  text: `
insert into mirror.erased as e (id_sha256, id_length, until)
select
  sha256(convert_to(given.id, 'UTF8')),
  length(given.id),
  case when $2 then 'infinity' else clock_timestamp() + make_interval(days => $3) end
from (select distinct unnest($1::text[])) as given (id)
order by 1
on conflict (id_sha256) do update
set erased_at = excluded.erased_at, until = greatest(e.until, excluded.until)
`,
  params: { ids: 'text[]', forGood: 'boolean', days: 'integer' },
  row: {},
});

/** Tables that the functions write, of paths that are no longer mirrored too. */
const WRITTEN_TABLES = query({
  text: `
select p.relation as name, p.path from mirror.paths as p where to_regclass(p.relation) is not null
union all
select 'mirror.' || book, null
from unnest(array[
  'divergence_log', 'direct_writes', 'readings', 'suspects', 'client_claims', 'backfills', 'listings'
]) as book
order by 1
`,
  params: {},
  row: { name: z.string(), path: z.string().nullable() },
});

const AWAIT_WRITERS = query({
  text: 'select mirror.await_writers($1::text::regclass)',
  params: { table: 'text' },
  row: {},
});

const ERASE_ROWS = query({
  text: `
select
  shards::integer as shards, keyed::integer as keyed, own::integer as own,
  mentioning::integer as mentioning
from mirror.erase_rows($1, $2, $3)
`,
  params: { path: 'text', ids: 'text[]', isWrite: 'boolean' },
  row: { shards: z.number(), keyed: z.number(), own: z.number(), mentioning: z.number() },
});

const ERASE_BOOKS = query({
  text: 'select book, entries::integer as entries from mirror.erase_books($1, $2)',
  params: { ids: 'text[]', isWrite: 'boolean' },
  row: { book: z.string(), entries: z.number() },
});

/** How long what comes for an erased id is dropped: longer than any retry, backup or late claim that is likely. */
const DROPPED_DAYS = 30;

export interface ErasedRows {
  /** Shards that hold the id. */
  shards: number;
  /** Rows whose key holds the id: the partner's among them, since the couple's id is a part of it. */
  keyed: number;
  /** Of these, rows whose key names the user beside the shard. */
  own: number;
  /** Rows of other keys that name the id. */
  mentioning: number;
}

/** What was removed, or would be. */
export interface Erased {
  paths: Record<string, ErasedRows>;
  books: Record<string, number>;
}

/** Runs each statement as a transaction of its own, without a limit on its time. */
export type RunAlone = <Answer>(
  work: (statements: Statements) => Promise<Answer>,
) => Promise<Answer>;

/**
 * Removes a person from the copy and the books; safe to repeat. First it is said that what holds one of the ids is
 * dropped, then writers that have begun are waited for: nothing comes back behind the removal.
 *
 * @param write false: it only counts
 */
export async function erase(
  ids: readonly string[],
  { write, forGood }: { write: boolean; forGood: boolean },
  alone: RunAlone,
): Promise<Erased> {
  const tables = await alone((statements) => WRITTEN_TABLES.all(statements));
  if (write) {
    const drop = { ids, forGood, days: DROPPED_DAYS };
    await alone((statements) => DROP_FROM_NOW.run(statements, drop));
    for (const { name } of tables) {
      await alone((statements) => AWAIT_WRITERS.run(statements, { table: name }));
    }
  }
  const erased: Erased = { paths: {}, books: {} };
  for (const { path } of tables) {
    if (path === null) continue;
    const asked = { path, ids, isWrite: write };
    erased.paths[path] = await alone((statements) => ERASE_ROWS.one(statements, asked));
  }
  const books = await alone((statements) => ERASE_BOOKS.all(statements, { ids, isWrite: write }));
  for (const { book, entries } of books) erased.books[book] = entries;
  return erased;
}
