import { z } from 'zod';
import { query, type Statements } from '../postgres/statements';
import type { IdentityLine } from './read-identities';

/** Lines that were read, by what became of them. */
export interface ImportedIdentities {
  added: number;
  changed: number;
  unchanged: number;
  /** Of somebody who was erased: left out. */
  erased: number;
  bad: number;
}

/** A line that can't be imported, and why. */
export interface BadLine {
  line: number;
  problem: string;
}

const LINES_AT_ONCE = 1_000;

/**
 * Sets identities, and says what each line did. All lines of an import are one transaction, whose time marks
 * what the import itself has set: a second line about the same id must say the same. An id that stands for an
 * RTDB user and for another app user would let one read the other's rows.
 */
const SET_IDENTITIES = query({
  text: `
with line as materialized (
  select
    l.*,
    exists (
      select
      from mirror.erased as e
      where e.until > clock_timestamp()
        and e.id_sha256 in (sha256(convert_to(l.rtdb_user_id, 'UTF8')), sha256(convert_to(l.app_user_id, 'UTF8')))
    ) as is_erased,
    first_value(l.line) over same_id as first_line,
    first_value(l.app_user_id) over same_id as first_app_user_id
  from unnest($1::integer[], $2::text[], $3::text[]) as l (line, rtdb_user_id, app_user_id)
  window same_id as (partition by l.rtdb_user_id order by l.line)
),
other as materialized (
  select i.rtdb_user_id, i.app_user_id
  from mirror.identities as i
  where i.rtdb_user_id = any ($3) and i.rtdb_user_id <> i.app_user_id
  union all
  select i.rtdb_user_id, i.app_user_id
  from mirror.identities as i
  where i.app_user_id = any ($2) and i.rtdb_user_id <> i.app_user_id
  union all
  select l.rtdb_user_id, l.app_user_id from line as l where l.rtdb_user_id <> l.app_user_id
),
written as (
  insert into mirror.identities as i (rtdb_user_id, app_user_id)
  select l.rtdb_user_id, l.app_user_id
  from line as l
  where l.line = l.first_line and not l.is_erased
  order by l.rtdb_user_id
  on conflict (rtdb_user_id) do update
  set app_user_id = excluded.app_user_id, imported_at = excluded.imported_at
  where i.imported_at <> excluded.imported_at
)
select
  l.line,
  case
    when l.is_erased then 'erased'
    when l.first_app_user_id <> l.app_user_id
      or known.imported_at = now() and known.app_user_id <> l.app_user_id
    then 'twice'
    when l.rtdb_user_id <> l.app_user_id and (
      l.rtdb_user_id in (select o.app_user_id from other as o)
      or l.app_user_id in (select o.rtdb_user_id from other as o)
    ) then 'ambiguous'
    when l.line > l.first_line or known.app_user_id = l.app_user_id then 'unchanged'
    when known.rtdb_user_id is null then 'added'
    else 'changed'
  end as verdict
from line as l
-- As it was before this statement.
left join mirror.identities as known on known.rtdb_user_id = l.rtdb_user_id
order by l.line
`,
  params: { lines: 'integer[]', rtdbUserIds: 'text[]', appUserIds: 'text[]' },
  row: {
    line: z.number(),
    verdict: z.enum(['added', 'changed', 'unchanged', 'erased', 'twice', 'ambiguous']),
  },
});

const PROBLEMS = {
  twice: 'rtdb_user_id: an earlier line gives this id to another app_user_id',
  ambiguous:
    'expected ids that mean one person: an rtdb_user_id that is also an app_user_id must be its own',
} as const;

/**
 * Imports identities, line by line as they come. Safe to repeat.
 *
 * @param statements of one transaction: where a line is bad, all of it is to be undone
 */
export async function importIdentities(
  lines: AsyncIterable<IdentityLine>,
  statements: Statements,
  onBadLine: (bad: BadLine) => void,
): Promise<ImportedIdentities> {
  const counts = { added: 0, changed: 0, unchanged: 0, erased: 0, bad: 0 };
  const refuse = (bad: BadLine) => {
    counts.bad += 1;
    onBadLine(bad);
  };
  let batch: (IdentityLine & { ok: true })[] = [];
  const write = async () => {
    for (const { line, verdict } of await setIdentities(statements, batch)) {
      if (verdict in PROBLEMS) {
        refuse({ line, problem: PROBLEMS[verdict as keyof typeof PROBLEMS] });
      } else counts[verdict as Exclude<typeof verdict, keyof typeof PROBLEMS>] += 1;
    }
    batch = [];
  };
  for await (const parsed of lines) {
    if (parsed.ok) batch.push(parsed);
    else refuse(parsed);
    if (batch.length === LINES_AT_ONCE) await write();
  }
  if (batch.length > 0) await write();
  return counts;
}

function setIdentities(statements: Statements, batch: readonly (IdentityLine & { ok: true })[]) {
  return SET_IDENTITIES.all(statements, {
    lines: batch.map(({ line }) => line),
    rtdbUserIds: batch.map(({ rtdbUserId }) => rtdbUserId),
    appUserIds: batch.map(({ appUserId }) => appUserId),
  });
}
