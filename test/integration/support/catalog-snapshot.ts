import { queryOnce } from './empty-database';

/** Every catalog's rows, as far as they say what an object is: by catalog and row, without statistics. */
export type CatalogSnapshot = ReadonlyMap<string, string>;

/** What the server counts and remembers by itself, and what says who depends on whom. */
const VOLATILE = [
  ...['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid'],
  ...['datfrozenxid', 'datminmxid', 'rolpassword'],
];
const NOT_LOOKED_AT = ['pg_statistic', 'pg_depend', 'pg_shdepend', 'pg_largeobject'];

const CATALOGS = `
select c.relname::text as name, exists (
  select from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attname = 'oid'
) as has_oid
from pg_catalog.pg_class as c
where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and c.relname <> all ($1)
order by 1`;

/** All that a database's catalogs hold, those that its server's databases share included. */
export async function catalogSnapshot(url: string): Promise<CatalogSnapshot> {
  const snapshot = new Map<string, string>();
  const catalogs = await queryOnce<{ name: string; has_oid: boolean }>(url, CATALOGS, [
    NOT_LOOKED_AT,
  ]);
  for (const { name, has_oid } of catalogs) {
    const rows = await queryOnce<{ id: string | null; row: string }>(
      url,
      `select ${has_oid ? 't.oid::text' : 'null'} as id, (to_jsonb(t) - $1::text[])::text as row
       from pg_catalog.${name} as t`,
      [VOLATILE],
    );
    for (const { id, row } of rows) snapshot.set(`${name} ${id ?? row}`, row);
  }
  return snapshot;
}

/** What was there and isn't any more, or is another. */
export function changedIn(before: CatalogSnapshot, after: CatalogSnapshot): string[] {
  return [...before].flatMap(([key, row]) => {
    const now = after.get(key);
    return now === row ? [] : [`${key}: ${row} became ${now ?? 'nothing'}`];
  });
}

/** Objects with an id that came, by the names that Postgres has for them: `table rtdb.steps`. */
export async function addedIn(
  url: string,
  before: CatalogSnapshot,
  after: CatalogSnapshot,
): Promise<string[]> {
  const added = [...after.keys()].filter((key) => !before.has(key) && /^\w+ \d+$/.test(key));
  const [classes, ids] = [0, 1].map((part) => added.map((key) => key.split(' ')[part]));
  const rows = await queryOnce<{ name: string }>(
    url,
    `select distinct o.type || ' ' || o.identity as name
     from unnest($1::text[], $2::oid[]) as added (class, id)
     cross join lateral pg_identify_object(
       ('pg_catalog.' || added.class)::regclass, added.id, 0
     ) as o
     where o.identity is not null`,
    [classes, ids],
  );
  return rows.map(({ name }) => name).sort();
}
