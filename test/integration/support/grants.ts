import type { QueryResultRow } from 'pg';

/** Whoever is granted anything in schemas rtdb and mirror, and what: reviewed by people. */

const READS = 'select';
const ADDS = 'insert, select';
const WRITES = 'insert, select, update';

interface Granted {
  writer: string | null;
  api: string | null;
  reader: string | null;
}

/** Of each book. `identities`, `schema_migrations` and `migration_lock` are the owner's alone. */
const BOOKS: Record<string, Granted> = {
  backfills: { writer: READS, api: null, reader: READS },
  canaries: { writer: WRITES, api: null, reader: READS },
  client_claims: { writer: WRITES, api: WRITES, reader: READS },
  coverage: { writer: WRITES, api: READS, reader: READS },
  direct_writes: { writer: READS, api: READS, reader: READS },
  divergence_log: { writer: WRITES, api: WRITES, reader: READS },
  erased: { writer: READS, api: READS, reader: READS },
  hourly_arrivals: { writer: READS, api: null, reader: READS },
  identity: { writer: ADDS, api: ADDS, reader: READS },
  locks: { writer: WRITES, api: null, reader: null },
  paths: { writer: READS, api: READS, reader: READS },
  listings: { writer: READS, api: READS, reader: READS },
  rates: { writer: ADDS, api: null, reader: READS },
  reading_ages: { writer: READS, api: null, reader: READS },
  reading_sums: { writer: READS, api: null, reader: READS },
  readings: { writer: READS, api: READS, reader: READS },
  suspects: { writer: READS, api: READS, reader: READS },
};

/** Of a table of the copy, beside what its app users read. Only completions take phones' claims. */
const COPY: Granted = { writer: WRITES, api: null, reader: READS };
const COMPLETIONS: Granted = { ...COPY, api: ADDS };
const COLUMNS = ['quest_mirror_api: update on rtdb.quest_completions (client_claimed_at)'];

/** Who may call a function. All others are the owner's alone. */
const CALLS: Record<string, readonly string[]> = {
  // What reads and sets readings; of these the API and the dashboard may call what changes nothing but the log.
  begin_listing: ['writer'],
  begin_reading: ['api', 'reader', 'writer'],
  end_listing: ['writer'],
  ended_gap: ['writer'],
  fail_reading: ['writer'],
  give_back: ['writer'],
  log_reading: ['api', 'writer'],
  make_due: ['writer'],
  make_page_due: ['writer'],
  name_list: ['api', 'reader', 'writer'],
  note_backup: ['writer'],
  note_first_pass: ['writer'],
  note_gap: ['writer'],
  note_listed: ['writer'],
  note_rows: ['writer'],
  note_touched: ['writer'],
  resolve_told: ['writer'],
  row_of: ['reader', 'writer'],
  rows_of: ['api', 'reader', 'writer'],
  set_reading: ['writer'],
  take_due: ['writer'],
  touched_hours: ['writer'],
  truncated_at: ['api', 'reader', 'writer'],
  written_between: ['writer'],

  as_evidence: ['api', 'writer'],
  canary_row: ['reader', 'writer'],
  claim_by_client: ['api', 'writer'],
  count_figures: ['writer'],
  falls_into_gap: ['writer'],
  erased_keys: ['api', 'reader', 'writer'],
  erased_lengths: ['api', 'reader', 'writer'],
  few_gaps: ['api', 'writer'],
  ids_of: ['api', 'writer'],
  gate_evidence: ['reader', 'writer'],
  is_erased: ['api', 'reader', 'writer'],
  is_own_rtdb: ['api', 'writer'],
  keys_of_ref: ['api', 'writer'],
  note_flag: ['writer'],
  value_hash: ['api', 'writer'],
};

/** What policies call for a reader of a table that app users see. */
const POLICY_CALLS = ['own_ids', 'own_shards'];

/** What views read documents with: whoever may read a view calls these. */
const SHARED = ['boolean_of', 'instant_of', 'integer_of', 'items', 'text_of'];

const SCHEMAS = ['mirror', 'rtdb'].flatMap((schema) =>
  ['api', 'reader', 'writer'].map((role) => `quest_mirror_${role}: usage on ${schema}`),
);

/** A path as `mirror.paths` has it. */
interface DeclaredPath {
  path: string;
  relation: string;
  visible_to: string[];
}

type Query = <Row extends QueryResultRow>(text: string) => Promise<Row[]>;

/** The snapshot, as {@link readGrants} tells it, for the paths and views that are there. */
export async function expectedGrants(query: Query, withAppRoles: boolean): Promise<string[]> {
  const paths = await query<DeclaredPath>('select path, relation, visible_to from mirror.paths');
  const views = await query<{ view: string }>(
    `select format('%I.%I', schemaname, viewname) as view from pg_views where schemaname = 'rtdb'`,
  );
  const readers = ['quest_mirror_reader', ...(withAppRoles ? ['authenticated'] : [])];
  const shared = readers.flatMap((role) => [
    ...views.map(({ view }) => `${role}: select on ${view}`),
    ...SHARED.map((name) => `${role}: execute on mirror.${name}`),
  ]);
  const copies = paths.flatMap(({ path, relation, visible_to }) => [
    ...linesOf(relation, path === 'quest_completions' ? COMPLETIONS : COPY),
    ...(withAppRoles && visible_to.length > 0 ? [`authenticated: select on ${relation}`] : []),
  ]);
  const books = Object.entries(BOOKS).flatMap(([book, granted]) =>
    linesOf(`mirror.${book}`, granted),
  );
  const calls = { ...CALLS };
  for (const { path } of paths) calls[`apply_${path}`] = ['writer'];
  const functions = Object.entries(calls).flatMap(([name, roles]) =>
    roles.map((role) => `quest_mirror_${role}: execute on mirror.${name}`),
  );
  const schemas = withAppRoles
    ? [
        ...SCHEMAS,
        'authenticated: usage on rtdb',
        ...POLICY_CALLS.map((name) => `authenticated: execute on mirror.${name}`),
      ]
    : SCHEMAS;
  return [...copies, ...books, ...COLUMNS, ...functions, ...shared, ...schemas].sort();
}

function linesOf(table: string, granted: Granted): string[] {
  return Object.entries(granted).flatMap(([role, privileges]) =>
    privileges === null ? [] : [`quest_mirror_${role}: ${privileges} on ${table}`],
  );
}

const GRANTS = `
with granted as (
  select c.relacl as acl, c.relowner as owner, format('%I.%I', n.nspname, c.relname) as what
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind <> 'i' and c.relacl is not null
  union all
  select a.attacl, c.relowner, format('%I.%I (%I)', n.nspname, c.relname, a.attname)
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where a.attacl is not null
  union all
  -- Without a list of its own, everybody may call it.
  select coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner,
    format('%I.%I', n.nspname, p.proname)
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  union all
  select n.nspacl, n.nspowner, quote_ident(n.nspname) from pg_namespace as n
)
select format('%s: %s on %s', coalesce(r.rolname, 'public'),
    string_agg(distinct lower(one.privilege_type), ', ' order by lower(one.privilege_type)), what) as line
  from granted
  cross join lateral aclexplode(acl) as one
  left join pg_roles as r on r.oid = one.grantee
  where one.grantee <> owner and what ~ '^(rtdb|mirror)(\\.|$)'
  group by r.rolname, what`;

/** What is granted to anybody but the owner: `role: privileges on what`. */
export async function readGrants(query: Query): Promise<string[]> {
  const rows = await query<{ line: string }>(GRANTS);
  return rows.map(({ line }) => line).sort();
}
