import { z } from 'zod';

/** A range of couples, in UTF-8 byte order: after the one, up to the other; null = no end. */
export interface CoupleRange {
  after: string | null;
  upTo: string | null;
}

/** What comparing one shard counted; the columns of `mirror.reconcile_shards`. */
export interface ShardCounts {
  couples: number;
  matched: number;
  missingInPostgres: number;
  missingInRtdb: number;
  valueMismatch: number;
  inFlight: number;
  rtdbMs: number;
  postgresMs: number;
  rtdbBytes: number;
}

/** $1 run, $2 shards as JSON. Again for a run that has them already: nothing happens. */
export const ADD_SHARDS = `
insert into mirror.reconcile_shards (run_id, shard, after_couple, up_to_couple)
select $1::bigint, s.shard, s.after, s.up_to
from jsonb_to_recordset($2::jsonb) as s (shard integer, after text, up_to text)
order by s.shard
on conflict do nothing
`;

/** $1 run. The shards that nobody has finished. */
export const PENDING_SHARDS = `
select shard, after_couple, up_to_couple
from mirror.reconcile_shards
where run_id = $1::bigint and finished_at is null
order by shard
`;

/** $1 run, $2 shard, $3 to $11 its counts. A shard that is finished already keeps its counts. */
export const FINISH_SHARD = `
update mirror.reconcile_shards
set
  finished_at = clock_timestamp(),
  couples = $3,
  matched = $4,
  missing_in_postgres = $5,
  missing_in_rtdb = $6,
  value_mismatch = $7,
  in_flight = $8,
  rtdb_ms = $9,
  postgres_ms = $10,
  rtdb_bytes = $11
where run_id = $1::bigint and shard = $2::integer and finished_at is null
`;

const SHARD = z.object({
  shard: z.number(),
  after_couple: z.string().nullable(),
  up_to_couple: z.string().nullable(),
});

export function parseShards(rows: unknown[]): (CoupleRange & { shard: number })[] {
  return rows.map((row) => {
    const { shard, after_couple, up_to_couple } = SHARD.parse(row);
    return { shard, after: after_couple, upTo: up_to_couple };
  });
}

/** The parameters of FINISH_SHARD. */
export function shardValues(runId: number, shard: number, counts: ShardCounts): unknown[] {
  return [
    runId,
    shard,
    counts.couples,
    counts.matched,
    counts.missingInPostgres,
    counts.missingInRtdb,
    counts.valueMismatch,
    counts.inFlight,
    Math.round(counts.rtdbMs),
    Math.round(counts.postgresMs),
    counts.rtdbBytes,
  ];
}

/** The parameter of ADD_SHARDS. */
export function shardsParameter(ranges: readonly CoupleRange[]): string {
  return JSON.stringify(ranges.map(({ after, upTo }, shard) => ({ shard, after, up_to: upTo })));
}
