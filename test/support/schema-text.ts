import type { Queryable } from './mirror-tables';

/**
 * What the migrations leave in schemas rtdb and mirror, as SQL to read: from the catalogs, in a stable
 * order, the same on every version of Postgres that we support. Without owners, sequences of identity
 * columns, and the two tables of the migration runner.
 */
export async function schemaText(database: Queryable): Promise<string> {
  const texts = await Promise.all(
    [SCHEMAS, TABLES, FUNCTIONS].map(async (statement) => {
      const rows = await database.query<{ text: string }>(statement);
      return rows.map(({ text }) => text.trim()).join('\n\n');
    }),
  );
  return `${texts.filter((text) => text !== '').join('\n\n')}\n`;
}

/** Who is granted what, by role: a line each. $acl is the column, $kind acldefault's letter. */
const grants = (acl: string, kind: 'f' | 'n' | 'r', owner: string, what: string) => `(
  select string_agg(
    format('grant %s on %s to %s;', granted.privileges, ${what}, granted.role), E'\\n'
    order by granted.role
  )
  from (
    select
      coalesce(r.rolname, 'public') as role,
      string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
    from aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) as a
    left join pg_catalog.pg_roles as r on r.oid = a.grantee
    where a.grantee <> ${owner}
    group by 1
  ) as granted
)`;

const comment = (catalog: string, oid: string, what: string) =>
  `'comment on ' || ${what} || ' is ' || quote_literal(obj_description(${oid}, '${catalog}')) || ';'`;

const SCHEMAS = `
select concat_ws(E'\\n',
  format('create schema %I;', n.nspname),
  ${grants('n.nspacl', 'n', 'n.nspowner', `'schema ' || n.nspname`)},
  ${comment('pg_namespace', 'n.oid', `'schema ' || n.nspname`)}
) as text
from pg_catalog.pg_namespace as n
where n.nspname in ('rtdb', 'mirror')
order by n.nspname collate "C"`;

const FUNCTIONS = `
select concat_ws(E'\\n',
  trim(trailing E'\\n' from pg_get_functiondef(p.oid)) || ';',
  ${grants('p.proacl', 'f', 'p.proowner', `'function ' || p.oid::regprocedure`)},
  ${comment('pg_proc', 'p.oid', `'function ' || p.oid::regprocedure`)}
) as text
from pg_catalog.pg_proc as p
where p.pronamespace in ('rtdb'::regnamespace, 'mirror'::regnamespace)
order by p.pronamespace::regnamespace::text collate "C", p.oid::regprocedure::text collate "C"`;

/** Views have a definition in place of columns. */
const BODY = `
case when c.relkind = 'v' then format(E'create view %s%s as\\n%s', named.name,
  coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', ''),
  pg_get_viewdef(c.oid, true))
else format(E'create table %s (\\n%s\\n);', named.name, (
  select string_agg('  ' || part.text, E',\\n' order by part.kind, part.place, part.text collate "C")
  from (
    select 1 as kind, a.attnum as place, concat_ws(' ',
      quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
      case when a.attcollation = '"C"'::regcollation and a.atttypid <> 'name'::regtype
        then 'collate "C"' end,
      case when a.attnotnull then 'not null' end,
      case when a.attidentity = 'a' then 'generated always as identity' end,
      'default ' || pg_get_expr(d.adbin, d.adrelid)
    ) as text
    from pg_catalog.pg_attribute as a
    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    union all
    select 2, 0, format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid))
    from pg_catalog.pg_constraint as k
    -- Postgres 18 has one for each column that is not null.
    where k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c', 'x')
  ) as part
)) end`;

const TABLES = `
select concat_ws(E'\\n',
  ${BODY},
  (
    select string_agg(pg_get_indexdef(i.indexrelid) || ';', E'\\n' order by x.relname collate "C")
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as x on x.oid = i.indexrelid
    where i.indrelid = c.oid
      and not exists (select from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid)
  ),
  (
    select string_agg(pg_get_triggerdef(t.oid) || ';', E'\\n' order by t.tgname collate "C")
    from pg_catalog.pg_trigger as t
    where t.tgrelid = c.oid and not t.tgisinternal
  ),
  case when c.relrowsecurity then format('alter table %s enable row level security;', named.name) end,
  (
    select string_agg(concat_ws(' ',
      format('create policy %I on %s', p.polname, named.name),
      case when not p.polpermissive then 'as restrictive' end,
      'for ' || case p.polcmd
        when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all'
      end,
      'to ' || (
        select string_agg(coalesce(r.rolname, 'public'), ', ' order by r.rolname)
        from unnest(p.polroles) as role (oid)
        left join pg_catalog.pg_roles as r on r.oid = role.oid
      ),
      format('using (%s)', pg_get_expr(p.polqual, p.polrelid)),
      'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
    ) || ';', E'\\n' order by p.polname collate "C")
    from pg_catalog.pg_policy as p
    where p.polrelid = c.oid
  ),
  ${grants('c.relacl', 'r', 'c.relowner', 'named.name')},
  (
    select string_agg(
      format(
        'grant %s (%I) on %s to %s;',
        lower(acl.privilege_type), a.attname, named.name, acl.grantee::regrole
      ),
      E'\\n' order by a.attnum, acl.grantee::regrole::text, acl.privilege_type
    )
    from pg_catalog.pg_attribute as a
    cross join aclexplode(a.attacl) as acl
    where a.attrelid = c.oid and a.attnum > 0
  ),
  ${comment('pg_class', 'c.oid', `case when c.relkind = 'v' then 'view ' else 'table ' end || named.name`)},
  (
    select string_agg(
      format(
        'comment on column %s.%I is %L;',
        named.name, a.attname, col_description(c.oid, a.attnum)
      ),
      E'\\n' order by a.attnum
    )
    from pg_catalog.pg_attribute as a
    where a.attrelid = c.oid and col_description(c.oid, a.attnum) is not null
  )
) as text
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral (select format('%I.%I', n.nspname, c.relname) as name) as named
where n.nspname in ('rtdb', 'mirror')
  and c.relkind in ('r', 'p', 'v')
  and named.name not in ('mirror.schema_migrations', 'mirror.migration_lock')
order by n.nspname collate "C" desc, c.relname collate "C"`;
