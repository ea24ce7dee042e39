import type { TestDatabase } from '../../support/database';

/** A reading's row, by its columns; ages are intervals before now, such as `10 minutes`. */
export interface ShardRow {
  path?: string;
  shard: string;
  keys?: number;
  brought?: number;
  inFlight?: number;
  /** Null = never. */
  read?: string | null;
  full?: string | null;
  /** Null = nothing tells; `infinity` = since ever. */
  counted?: string | null;
  seen?: string;
  touched?: string;
  failed?: string;
}

/** A difference that a reading found. */
export interface DifferenceRow {
  path?: string;
  shard: string;
  kind?: string;
  cause?: string;
  keys?: number;
  after?: string | null;
  before?: string;
  by?: string;
  resolved?: string;
  key?: Record<string, string>;
}

export const PILOT = 'quest_completions';
const KEY = { date_key: '2026-11-20', user_id: 'u' };

/** The books of the proof, written by hand. */
export class Books {
  #keys = 0;

  constructor(readonly database: TestDatabase) {}

  /**
   * A mirror of 40 days in which all is well: 30 couples of the pilot with 100 keys each, of which events brought 10
   * since yesterday, read ten minutes ago; every path was listed and has its canaries.
   */
  async healthy(shards = 30): Promise<void> {
    await this.database.query(
      `update mirror.paths
       set began_at = now() - interval '40 days', first_pass_at = now() - interval '39 days'`,
    );
    await this.database.query(
      `insert into mirror.coverage (from_at, to_at, reason)
       values (now() - interval '41 days', now() - interval '40 days', 'flag_off')`,
    );
    await this.database.query(
      `insert into mirror.listings (path, listed_at)
       select path, now() - interval '5 minutes' from mirror.paths`,
    );
    await this.database.query(
      `insert into mirror.identity (instance, host) values ('quests', 'firebaseio.com')`,
    );
    await this.canaries();
    for (let n = 0; n < shards; n += 1) await this.shard({ shard: `couple${n}_x` });
  }

  /** A canary every five minutes of the last 25 hours, on every path. */
  async canaries(): Promise<void> {
    await this.database.query(
      `insert into mirror.canaries (path, written_at, arrived_at, lag_ms)
       select p.path, at, at + interval '300 milliseconds', 300
       from mirror.paths as p,
         generate_series(now() - interval '25 hours', now() - interval '2 minutes', '5 minutes') as at`,
    );
  }

  async shard(row: ShardRow): Promise<void> {
    const {
      path = PILOT,
      shard,
      keys = 100,
      brought = 10,
      inFlight = 0,
      read = '10 minutes',
    } = row;
    const { full = '5 days', counted = '25 hours', seen = '39 days', touched, failed } = row;
    await this.database.query(
      `insert into mirror.readings (
         path, shard, keys, brought, in_flight, read_at, full_at, counted_since, first_seen_at, touched_at,
         failed_at, error
       )
       values (
         $1, $2, $3, $4, $5, now() - $6::interval, now() - $7::interval,
         case when $8 = 'infinity' then '-infinity' else now() - $8::interval end,
         now() - $9::interval, now() - $10::interval, now() - $11::interval,
         case when $11 is not null then 'RTDB answered 400' end
       )
       on conflict (path, shard) do update
       set keys = excluded.keys, brought = excluded.brought, in_flight = excluded.in_flight,
         read_at = excluded.read_at, full_at = excluded.full_at, counted_since = excluded.counted_since,
         first_seen_at = excluded.first_seen_at, touched_at = excluded.touched_at,
         failed_at = excluded.failed_at, error = excluded.error`,
      [
        path,
        shard,
        keys,
        brought,
        inFlight,
        read,
        full,
        counted,
        seen,
        touched ?? null,
        failed ?? null,
      ],
    );
  }

  async difference(row: DifferenceRow): Promise<void> {
    const { path = PILOT, shard, kind = 'missing_in_postgres', cause = 'unknown', keys = 1 } = row;
    const { after = '3 hours', before = '11 minutes', by, resolved } = row;
    this.#keys += 1;
    const key = keys > 1 ? null : (row.key ?? this.key(shard, `q${this.#keys}`));
    const ref = `${path}/${shard}/${key === null ? kind : Object.values(key).join('/')}`;
    await this.database.query(
      `insert into mirror.divergence_log (
         path, ref, shard, day, key, kind, cause, severity, detected_by, keys, written_after, written_before,
         resolved_at, resolved_by
       )
       values (
         $1, $2, $3, ($4::jsonb ->> 'date_key')::date, $4, $5, $6, 'error', 'reconciler', $7,
         now() - $8::interval, now() - $9::interval, now() - $10::interval, $11
       )`,
      [
        ...[path, ref, shard, JSON.stringify(key), kind, cause, keys, after, before],
        ...[resolved ?? (by === undefined ? null : '5 minutes'), by ?? null],
      ],
    );
  }

  /** Many of them, each with a row and a key of its own. */
  async differences(count: number, of: (n: number) => DifferenceRow): Promise<void> {
    for (let n = 0; n < count; n += 1) await this.difference(of(n));
  }

  key(shard: string, quest: string): Record<string, string> {
    return { couple_id: shard, ...KEY, quest_id: quest };
  }

  /** A row of the pilot's, as an event, or something else, wrote it. */
  async row(shard: string, quest: string, age: string, origin = 'rtdb'): Promise<void> {
    await this.database.query(
      `begin;
       select set_config('mirror.writer', 'on', true);
       insert into rtdb.quest_completions (
         couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time, mirrored_at
       )
       values (
         '${shard}', '${KEY.date_key}', '${quest}', '${KEY.user_id}', now(), 'true', '${origin}', now(),
         now() - interval '${age}'
       );
       commit`,
    );
  }

  async gap(
    reason: string,
    from: string,
    to: string | null,
    path: string | null = null,
  ): Promise<void> {
    await this.database.query(
      `insert into mirror.coverage (from_at, to_at, path, reason)
       values (now() - $1::interval, now() - $2::interval, $3, $4)`,
      [from, to, path, reason],
    );
  }

  async directWrites(shard: string, count: number, age: string, first = 0): Promise<void> {
    await this.database.query(
      `insert into mirror.direct_writes (path, shard, day, key, operation, written_by, written_at, old_payload)
       select $1, $2::text, '2026-11-20',
         jsonb_build_object('couple_id', $2::text, 'date_key', '2026-11-20', 'quest_id', 'd' || n, 'user_id', 'u'),
         'delete', 'somebody', now() - $3::interval, 'true'
       from generate_series($4::integer, $4 + $5::integer - 1) as n`,
      [PILOT, shard, age, first, count],
    );
  }

  async truncated(age: string): Promise<void> {
    await this.database.query(
      `insert into mirror.direct_writes (path, key, operation, written_by, written_at)
       values ($1, '{}', 'truncate', 'somebody', now() - $2::interval)`,
      [PILOT, age],
    );
  }
}
