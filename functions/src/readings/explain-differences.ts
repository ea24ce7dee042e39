import { z } from 'zod';
import { type Cause, severityOf } from '../divergences/vocabulary';
import type { MirroredPath } from '../paths/mirrored-path';
import { jsonColumn, query, type Statements } from '../postgres/statements';
import type { Json, JsonObject } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import { asEvidence, escapeText, textEvidence } from '../values/storable';
import {
  causeOf,
  type DayEvidence,
  type Judgement,
  type KeyEvidence,
  type Known,
  type ShardEvidence,
} from './cause';
import { type ComparedKey, seenOf } from './compare-key';
import { keyObject } from './decide-reading';
import { instant, type PrepareEvaluation, readGaps } from './gaps';
import { ownTimeOf } from './own-time';
import type { ProofTimes } from './proof-times';
import type { Difference, Looked } from './reading';

/** A difference as the log takes it: columns of `mirror.divergence_log`, its cause among them. */
export type FoundRow = { [column: string]: Json };

/** What a renewal changes of an open row, besides how many keys it stands for. */
export interface Rejudged {
  id: number;
  cause: Cause;
  severity: string;
  detail: JsonObject;
}

export interface ExplainContext {
  statements: Statements;
  /** Evaluates Remote Config's conditions, where a percent has to be told. */
  prepareEvaluation: PrepareEvaluation;
  times: ProofTimes;
}

const DIRECT = z
  .object({
    operation: z.string(),
    written_by: z.string(),
    at: instant,
    is_change: z.boolean(),
    new_payload: jsonColumn,
  })
  .transform(
    ({ written_by: writtenBy, is_change: isChange, new_payload: newPayload, ...rest }) => ({
      ...{ ...rest, writtenBy, isChange, newPayload },
    }),
  );

const LOGGED = z
  .object({
    id: z.number(),
    kind: z.string(),
    is_tie: z.boolean(),
    rtdb_value: jsonColumn,
    event_time: instant.nullable(),
    row_event_id: z.string().nullable(),
    last_seen_at: instant,
  })
  .transform(({ id, kind, ...row }) => ({
    ...{ id, kind, isTie: row.is_tie, rtdbValue: row.rtdb_value, eventTime: row.event_time },
    ...{ rowEventId: row.row_event_id, lastSeenAt: row.last_seen_at },
  }));

/** What Postgres knows of some keys: the last write past the mirror, and the newest twenty open rows of the trigger. */
const KEY_EVIDENCE = query({
  text: `
select asked.n, direct.write as direct, coalesce(known.rows, '[]') as logged
from jsonb_to_recordset($2) as asked (n integer, ref text, key jsonb)
left join lateral (
  select jsonb_build_object(
    'operation', d.operation, 'written_by', d.written_by, 'at', d.written_at,
    'is_change', d.old_payload is distinct from d.new_payload, 'new_payload', d.new_payload
  ) as write
  from mirror.direct_writes as d
  where md5(d.key::text) = md5(asked.key::text) and d.path = $1 and d.key = asked.key
) as direct on true
cross join lateral (
  select jsonb_agg(jsonb_build_object(
    'id', newest.id,
    'kind', newest.kind,
    'is_tie', coalesce(newest.detail -> 'tied' = 'true', false),
    'rtdb_value', newest.rtdb_value,
    'event_time', newest.event_time,
    'row_event_id', newest.detail -> 'row_event_id',
    'last_seen_at', newest.last_seen_at
  )) as rows
  from (
    select log.*
    from mirror.divergence_log as log
    where log.ref = asked.ref and log.path = $1 and log.resolved_at is null
      and (
        log.kind in ('write_rejected', 'invalid_payload', 'out_of_order')
        or log.kind = 'value_mismatch' and log.detail -> 'tied' = 'true'
      )
    order by log.id desc
    limit 20
  ) as newest
) as known
`,
  params: { path: 'text', keys: 'jsonb' },
  row: { n: z.number(), direct: DIRECT.nullable(), logged: z.array(LOGGED) },
});

const OVERWRITES = z.array(
  z
    .object({ day: z.string().nullable(), at: instant, ref: z.string(), is_emptied: z.boolean() })
    .transform(({ is_emptied: isEmptied, ...rest }) => ({ ...rest, isEmptied })),
);
const RETAINED = z.array(
  z
    .object({ day: z.string().nullable(), at: instant, retention_days: z.number() })
    .transform(({ retention_days: retentionDays, ...rest }) => ({ ...rest, retentionDays })),
);

/** What Postgres knows of a shard, and of its path, besides what the reading asked for. */
const SHARD_EVIDENCE = query({
  text: `
select
  to_char(l.listed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as listed_at,
  to_char(l.listed_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as listed_before,
  (
    select jsonb_build_object('at', d.written_at, 'written_by', d.written_by)
    from mirror.direct_writes as d
    where md5(d.key::text) = md5('{}') and d.path = p.path and d.operation = 'truncate'
  ) as truncated,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'day', o.day, 'at', o.event_time, 'ref', o.ref,
      'is_emptied', coalesce(o.detail -> 'evidence' ? 'siblings_erased', false)
    ))
    from (
      select log.*
      from mirror.divergence_log as log
      where md5(log.shard) = md5($2) and log.shard = $2 and log.path = p.path
        and log.day = any ($3) and log.kind = 'ancestor_overwrite' and log.event_time is not null
      order by log.event_time desc
      limit 500
    ) as o
  ), '[]') as overwrites,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'day', r.day, 'at', r.event_time,
      'retention_days', coalesce((r.detail ->> 'retention_days')::integer, 0)
    ))
    from (
      select distinct on (log.day) log.*
      from mirror.divergence_log as log
      where md5(log.shard) = md5($2) and log.shard = $2 and log.path = p.path
        and log.day = any ($3) and log.kind = 'missing_in_rtdb' and log.cause = 'retention'
        and log.key is null and log.event_time is not null
      order by log.day, log.event_time desc
    ) as r
  ), '[]') as retained
from mirror.paths as p
left join mirror.listings as l using (path)
where p.path = $1
`,
  params: { path: 'text', shard: 'text', days: 'date[]' },
  row: {
    listedAt: z.string().nullable(),
    listedBefore: z.string().nullable(),
    truncated: z
      .object({ at: instant, written_by: z.string() })
      .transform(({ at, written_by: writtenBy }) => ({ at, writtenBy }))
      .nullable(),
    overwrites: OVERWRITES,
    retained: RETAINED,
  },
});

/** Keys whose evidence is asked for with one statement. */
const KEYS_AT_ONCE = 500;
/** Of what shares one row so many are looked into; of more, what is known of the shard has to tell. */
const MAX_MEMBERS = 5_000;
/** Causes that may become known later. */
const OPEN_CAUSES: ReadonlySet<string> = new Set<Cause>([
  'unknown',
  'in_flight',
  'retries_exhausted',
]);

/**
 * Tells why these differ: a row of the log for each, in their order. Rejects as Postgres does.
 *
 * @param looked the reading that found them
 */
export async function explainDifferences(
  differences: readonly Difference[],
  looked: Looked,
  context: ExplainContext,
): Promise<FoundRow[]> {
  if (differences.length === 0) return [];
  const desk = await gather(differences, looked, context);
  return differences.map((difference) => rowOf(difference, looked, desk.judge(difference)));
}

/**
 * Looks again at open rows that a reading renews, and whose cause was not known, or only that the event may still
 * come: those of which more is known by now.
 */
export async function explainRenewed(
  renewed: readonly { id: number }[],
  looked: Looked,
  context: ExplainContext,
): Promise<Rejudged[]> {
  const ids = new Set(renewed.map(({ id }) => id));
  const compared = new Map(looked.compared.map((key) => [key.ref, key]));
  const again = looked.state.open.flatMap((open) => {
    if (!ids.has(open.id) || !OPEN_CAUSES.has(open.cause) || open.kind === 'invalid_payload')
      return [];
    const key = open.key === null ? null : (compared.get(open.ref) ?? null);
    if (open.key !== null && key === null) return [];
    const difference: Difference = {
      ...{ ref: open.ref, kind: open.kind as Difference['kind'], compared: key, odd: null },
      ...{ keys: open.keys, writtenAfter: open.written_after, writtenBefore: open.written_before },
      resolvedBy: null,
    };
    return [{ open, difference }];
  });
  if (again.length === 0) return [];
  const desk = await gather(
    again.map(({ difference }) => difference),
    looked,
    context,
  );
  return again.flatMap(({ open: { id, cause: before }, difference }) => {
    const { cause, ...rest } = desk.judge(difference);
    if (cause === before) return [];
    const severity = severityOf(difference.kind, cause);
    // What was possible before isn't, once something is known.
    const detail = { ...detailOfJudgement(rest), possible: rest.possible };
    return [{ id, cause, severity, detail }];
  });
}

/** What was gathered of some differences, and what follows from it. */
interface Desk {
  judge(difference: Difference): Judgement & { bornAfter: string | null };
}

async function gather(
  differences: readonly Difference[],
  looked: Looked,
  { statements, prepareEvaluation, times }: ExplainContext,
): Promise<Desk> {
  const { path, shard, state } = looked;
  const members = new Map(
    differences.map((difference) => [difference, membersOf(difference, looked)]),
  );
  const keys = [...new Set([...members.values()].flatMap((some) => some.slice(0, MAX_MEMBERS)))];
  const began = state.pathBooks.began_at;
  const from = differences.map(({ writtenAfter }) => writtenAfter ?? began).sort()[0] ?? began;
  const days = [...new Set(keys.flatMap((key) => dayOf(path, key) ?? []))];
  const [byKey, known, gaps] = await Promise.all([
    keyEvidence(keys, path, statements),
    SHARD_EVIDENCE.one(statements, { path: path.name, shard, days }),
    readGaps({ path: path.name, from, to: state.readAt }, statements, prepareEvaluation),
  ]);
  const isBornLate = isAfter(state.reading?.first_seen_at, state.pathBooks.first_pass_at);
  const evidence: ShardEvidence = {
    beganAt: began,
    isOlderPossible: !isBornLate,
    bornAfter: isAfter(state.reading?.first_seen_at, known.listedAt) ? known.listedBefore : null,
    gaps: gaps.of(shard),
    truncated: known.truncated,
  };
  const knownOf = (difference: Difference, compared: ComparedKey | null): Known => {
    const day = compared === null ? null : dayOf(path, compared);
    return {
      ...{ kind: difference.kind, ref: compared?.ref ?? difference.ref, compared, day },
      ...{ writtenAfter: difference.writtenAfter, writtenBefore: difference.writtenBefore },
      // A repair tells of what it compared, and so of the row as it was.
      isOver: difference.resolvedBy !== null && compared?.state !== difference.kind,
      ownTime: compared === null ? null : ownTimeOf(compared, path, state.readAt),
      readAt: state.readAt,
      shard: evidence,
      key: (compared && byKey.get(compared.ref)) ?? NOTHING_KNOWN,
      dayEvidence: dayEvidenceOf(day, known),
      times,
    };
  };
  return {
    judge(difference) {
      const bornAfter = difference.writtenAfter === null ? evidence.bornAfter : null;
      if (difference.odd !== null) {
        return { cause: 'rejected', evidence: { refused: 'place' }, possible: [], bornAfter };
      }
      const some = members.get(difference) ?? [];
      const judged = some.length === 0 ? [null] : some;
      return {
        ...ofAll(judged.map((compared) => causeOf(knownOf(difference, compared)))),
        bornAfter,
      };
    },
  };
}

const NOTHING_KNOWN: KeyEvidence = { direct: null, logged: [] };

function isAfter(at: string | null | undefined, other: string | null): boolean {
  return at != null && other !== null && at > other;
}

/** The keys that a difference is about; none where a row that several share is over. */
function membersOf({ compared, odd, kind, resolvedBy }: Difference, looked: Looked): ComparedKey[] {
  if (compared !== null) return [compared];
  if (odd !== null || resolvedBy !== null) return [];
  return looked.compared.filter(({ state }) => state === kind);
}

/** One cause where all agree; else it is not known. */
function ofAll(judgements: readonly Judgement[]): Judgement {
  const counts = new Map<Cause, number>();
  for (const { cause } of judgements) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  const [first] = judgements;
  if (first !== undefined && counts.size === 1) return first;
  return { cause: 'unknown', evidence: { causes: Object.fromEntries(counts) }, possible: [] };
}

async function keyEvidence(
  compared: readonly ComparedKey[],
  path: MirroredPath,
  statements: Statements,
): Promise<Map<string, KeyEvidence>> {
  const byRef = new Map<string, KeyEvidence>();
  for (let start = 0; start < compared.length; start += KEYS_AT_ONCE) {
    const batch = compared.slice(start, start + KEYS_AT_ONCE);
    const keys = batch.map((key, n) => ({
      ...{ n, ref: escapeText(key.ref), key: storableKey(path, key.parts) },
    }));
    for (const { n, ...evidence } of await KEY_EVIDENCE.all(statements, {
      path: path.name,
      keys,
    })) {
      const ref = batch[n]?.ref;
      if (ref !== undefined) byRef.set(ref, evidence);
    }
  }
  return byRef;
}

function dayEvidenceOf(
  day: string | null,
  {
    overwrites,
    retained,
  }: { overwrites: z.output<typeof OVERWRITES>; retained: z.output<typeof RETAINED> },
): DayEvidence {
  return {
    overwrites: overwrites.filter((one) => one.day === day),
    retained: retained.find((one) => one.day === day) ?? null,
  };
}

function dayOf(path: MirroredPath, { parts }: ComparedKey): string | null {
  return path.dayColumn === null ? null : (parts[path.keyColumns.indexOf(path.dayColumn)] ?? null);
}

function storableKey(path: MirroredPath, parts: readonly string[]): JsonObject {
  return keyObject(path, parts.map(escapeText));
}

function rowOf(
  difference: Difference,
  { path }: Looked,
  judged: Judgement & { bornAfter: string | null },
): FoundRow {
  const { ref, kind, compared, odd, keys, writtenAfter, writtenBefore, resolvedBy } = difference;
  const row = compared?.row ?? null;
  return {
    ref: escapeText(ref),
    kind,
    cause: judged.cause,
    severity: severityOf(kind, judged.cause),
    keys,
    day: compared === null ? (odd?.place.day ?? null) : dayOf(path, compared),
    key: compared === null ? null : storableKey(path, compared.parts),
    rtdb_value:
      odd === null ? asEvidence(compared?.rtdb ?? null) : asEvidence(canonicalValue(odd.raw)),
    postgres_value: row === null || row.isTombstone ? null : asEvidence(row.payload),
    detail: { ...detailOf(difference), ...detailOfJudgement(judged) },
    event_id: row?.eventId ?? null,
    event_time: row?.eventTime ?? null,
    written_after: writtenAfter,
    written_before: writtenBefore,
    resolved_by: resolvedBy,
  };
}

/** More fields of a value, or columns, tell nobody more. */
const MAX_ISSUES = 20;
const MAX_TEXT_BYTES = 1_000;

function detailOf({ compared, odd }: Difference): JsonObject {
  const issues = (odd?.issues ?? compared?.refusals ?? []).slice(0, MAX_ISSUES);
  const columns = Object.keys(compared?.columns ?? {}).slice(0, MAX_ISSUES);
  return {
    ...(compared === null ? {} : { seen: seenOf(compared) }),
    ...(compared?.row == null
      ? {}
      : { row_origin: compared.row.origin, row_is_tombstone: compared.row.isTombstone }),
    ...(issues.length === 0
      ? {}
      : {
          issues: issues.map(({ field, message }) => ({
            field: textEvidence(field, MAX_TEXT_BYTES),
            message: textEvidence(message, MAX_TEXT_BYTES),
          })),
        }),
    ...(columns.length === 0 ? {} : { columns: shownColumns(columns, compared) }),
  };
}

/** What the columns should show, and what they do. */
function shownColumns(names: readonly string[], compared: ComparedKey | null): Json {
  return asEvidence(
    Object.fromEntries(
      names.map((name) => [
        name,
        {
          expected: compared?.columns[name] ?? null,
          shown: compared?.row?.columns[name] ?? null,
        },
      ]),
    ),
  );
}

function detailOfJudgement({
  evidence,
  possible,
  bornAfter = null,
}: Omit<Judgement, 'cause'> & { bornAfter?: string | null }): JsonObject {
  return {
    evidence,
    ...(possible.length === 0 ? {} : { possible }),
    ...(bornAfter === null ? {} : { born_after: bornAfter }),
  };
}
