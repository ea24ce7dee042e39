import { z } from 'zod';
import { type Cause, severityOf } from '../divergences/vocabulary';
import { jsonColumn, query } from '../postgres/statements';
import type { JsonObject } from '../values/json';
import { causeOfMissed, type MissedEvent } from './cause-of-missed';
import type { ExplainContext } from './explain-differences';
import { FAN_OUT_LIMIT, groupLosses, massWriteOf } from './fan-out';
import { instant, readGaps } from './gaps';

/** Losses of the last days that nothing else explains, by the bounds of a day: the newest first. */
const LOSSES = query({
  text: `
select
  log.id::double precision as id, log.shard, log.keys,
  to_char(b.written_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from_at,
  to_char(log.written_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as to_at
from mirror.divergence_log as log
cross join lateral (
  -- A shard that a listing didn't show yet was written after it.
  select coalesce(log.written_after, (log.detail ->> 'born_after')::timestamptz) as written_after
) as b
where log.path = $1
  and log.resolved_at is null
  and log.shard is not null
  and log.kind in ('missing_in_postgres', 'missing_in_rtdb', 'value_mismatch')
  and log.cause in ('unknown', 'retries_exhausted', 'fan_out_limit')
  and log.written_before > clock_timestamp() - interval '2 days'
  -- Wider bounds say nothing of one write.
  and b.written_after >= log.written_before - interval '25 hours'
order by log.id desc
limit 20000
`,
  params: { path: 'text' },
  row: {
    id: z.number(),
    shard: z.string(),
    keys: z.number(),
    fromAt: z.string(),
    toAt: z.string(),
  },
});

const WRITTEN_BETWEEN = query({
  text: 'select leaves::integer as leaves, instants from mirror.written_between($1, $2, $3)',
  params: { path: 'text', from: 'timestamptz', to: 'timestamptz' },
  row: { leaves: z.number(), instants: z.array(z.object({ at: instant, leaves: z.number() })) },
});

/** Gives open rows a cause that has become known. */
const TELL_CAUSE = query({
  text: `
with held as materialized (
  select log.id, told.cause, told.severity, told.detail
  from jsonb_to_recordset($1) as told (id bigint, cause text, severity text, detail jsonb)
  join mirror.divergence_log as log on log.id = told.id
  where log.resolved_at is null and log.cause <> told.cause
  -- As readings take them.
  order by log.ref, log.kind
  for update of log
)
update mirror.divergence_log as log
set cause = held.cause, severity = held.severity, detail = coalesce(log.detail, '{}') || held.detail
from held
where log.id = held.id and log.resolved_at is null
`,
  params: { told: 'jsonb' },
  row: {},
});

/** Missed events whose cause isn't known, the oldest first. */
const MISSED = query({
  text: `
select
  log.id::double precision as id, log.shard, log.detail -> 'gaps' as gaps,
  log.postgres_value,
  to_char(log.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now_at,
  direct.write as direct
from mirror.divergence_log as log
left join lateral (
  select jsonb_build_object(
    'operation', d.operation, 'written_by', d.written_by, 'at', d.written_at, 'new_payload', d.new_payload
  ) as write
  from mirror.direct_writes as d
  where d.path = log.path
    and md5(d.key::text) = md5(log.key::text)
    and d.key = log.key
    and d.old_payload is distinct from d.new_payload
) as direct on true
where log.path = $1
  and log.kind = 'missed_event'
  and log.cause = 'unknown'
  and log.resolved_at is null
  and log.written_before is null
  and log.key is not null
order by log.id
limit 1000
`,
  params: { path: 'text' },
  row: {
    id: z.number(),
    shard: z.string().nullable(),
    gaps: z.array(z.object({ from_time: instant, to_time: instant })),
    postgresValue: jsonColumn,
    eventTime: z.string().nullable(),
    firstSeenAt: z.string(),
    nowAt: z.string(),
    direct: z
      .object({
        operation: z.string(),
        written_by: z.string(),
        at: instant,
        new_payload: jsonColumn,
      })
      .nullable(),
  },
});

const RESOLVE_TOLD = query({
  text: 'select mirror.resolve_told($1)',
  params: { path: 'text' },
  row: {},
});

/**
 * Tells what shows only over all shards of a path, or once a reading has looked: losses of one write beyond the
 * fan-out, and why events were missed; and resolves what the triggers logged of leaves that agree by now. Safe to
 * repeat, and to run twice at once. Rejects as Postgres does.
 */
export async function tellCauses(path: string, context: ExplainContext): Promise<void> {
  await tellFanOut(path, context);
  await tellMissed(path, context);
  await RESOLVE_TOLD.run(context.statements, { path });
}

interface Told {
  id: number;
  cause: Cause;
  severity: string;
  detail: JsonObject;
}

async function tellFanOut(path: string, { statements }: ExplainContext): Promise<void> {
  const losses = (await LOSSES.all(statements, { path })).map(({ fromAt, toAt, ...loss }) => ({
    ...{ ...loss, from: fromAt, to: toAt },
  }));
  const told: Told[] = [];
  for (const group of groupLosses(losses)) {
    const { from, to } = group;
    const written = await WRITTEN_BETWEEN.one(statements, { path, from, to });
    const write = massWriteOf(group, written);
    for (const { id } of write?.losses ?? []) {
      told.push({
        ...{
          id,
          cause: 'fan_out_limit',
          severity: severityOf('missing_in_postgres', 'fan_out_limit'),
        },
        detail: {
          possible: [],
          evidence: {
            write_time: write?.writeTime ?? null,
            leaves_arrived: write?.arrived ?? null,
            leaves_missing: write?.missing ?? null,
            limit: FAN_OUT_LIMIT,
          },
        },
      });
    }
  }
  if (told.length > 0) await TELL_CAUSE.run(statements, { told: told.map((one) => ({ ...one })) });
}

async function tellMissed(
  path: string,
  { statements, prepareEvaluation, times }: ExplainContext,
): Promise<void> {
  const missed = await MISSED.all(statements, { path });
  const edges = missed.flatMap(({ gaps }) => gaps.flatMap((gap) => [gap.from_time, gap.to_time]));
  const [first, last] = [missed[0], edges.sort().at(-1)];
  if (first === undefined || last === undefined) return;
  // Of a row without an event nobody knows since when one was missing.
  const from = edges.find((at) => at !== '-infinity') ?? null;
  const gaps = await readGaps({ path, from, to: last }, statements, prepareEvaluation);
  const told = missed.flatMap(({ id, shard, gaps: holes, direct, ...row }) => {
    const event: MissedEvent = {
      ...row,
      times,
      holes: holes.map((hole) => ({ from: hole.from_time, to: hole.to_time })),
      direct:
        direct === null
          ? null
          : {
              ...{ operation: direct.operation, writtenBy: direct.written_by, at: direct.at },
              ...{ isChange: true, newPayload: direct.new_payload },
            },
      gaps: gaps.of(shard),
    };
    const judged = causeOfMissed(event);
    if (judged === null) return [];
    const { cause, evidence } = judged;
    return [{ id, cause, severity: severityOf('missed_event', cause), detail: { evidence } }];
  });
  if (told.length > 0) await TELL_CAUSE.run(statements, { told });
}
