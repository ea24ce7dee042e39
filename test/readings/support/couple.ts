import type { MirroredPath } from '../../../functions/src/paths/mirrored-path';
import { questCompletions } from '../../../functions/src/paths/quest-completions/quest-completions';
import type { Json } from '../../../functions/src/values/json';
import type { TestProof } from './proof';

export const TODAY = new Date().toISOString().slice(0, 10);

/** A row of the log, as tests look at it. */
export interface Told {
  ref: string;
  kind: string;
  cause: string;
  severity: string;
  keys: number;
  detail: { evidence?: Record<string, unknown>; possible?: unknown[]; [field: string]: unknown };
}

/** Completions of couples, in either store, and a past that can be made longer. */
export class Couples {
  constructor(private readonly proof: TestProof) {}

  set(quest: string, value: Json, { couple = 'a_b', day = TODAY } = {}): Promise<unknown> {
    return this.proof.rtdb.rest.set(keysOf(quest, couple, day), value as never);
  }

  /** A row as an event leaves it, or a backfill. */
  mirror(
    quest: string,
    {
      couple = 'a_b',
      day = TODAY,
      payload = true as Json,
      at = new Date(),
      origin = 'rtdb',
      id = '',
    } = {},
  ): Promise<unknown> {
    return this.proof.database.query(
      `with writer as materialized (select set_config('mirror.writer', 'on', false))
       insert into rtdb.quest_completions as q
         (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time)
       select $6, $1, $2, 'a', substr($6, 3), coalesce(to_timestamp($8::float8 / 1000), $3),
         $4::jsonb, $5, coalesce(nullif($7, ''), gen_random_uuid()::text),
         case when $5 = 'rtdb' then $3::timestamptz else '-infinity' end
       from writer
       on conflict (couple_id, date_key, quest_id, user_id) do update
       set payload = excluded.payload, event_time = excluded.event_time, event_id = excluded.event_id,
         completed_at = excluded.completed_at, mirrored_at = clock_timestamp()`,
      [
        day,
        quest,
        at,
        JSON.stringify(payload),
        origin,
        couple,
        id,
        typeof payload === 'number' ? payload : null,
      ],
    );
  }

  /** In both stores. */
  async agree(quest: string, value: Json = true, where: { couple?: string; day?: string } = {}) {
    await this.set(quest, value, where);
    await this.mirror(quest, { payload: value, ...where });
  }

  /** Past the mirror, as a person with psql does it. */
  direct(sql: string): Promise<unknown> {
    return this.proof.database.query(
      `do $$ begin perform set_config('mirror.writer', '', true); ${sql}; end $$`,
    );
  }

  /** Makes everything that happened so far older. */
  async age(by: string): Promise<void> {
    await this.proof.database.query(
      `do $$
       declare
         shift constant interval := ${quoted(by)};
       begin
         perform set_config('mirror.writer', 'on', true);
         update mirror.readings set
           first_seen_at = first_seen_at - shift, read_at = read_at - shift, full_at = full_at - shift,
           touched_at = touched_at - shift, set_at = set_at - shift, due_at = clock_timestamp(),
           counted_since = counted_since - shift, caught_up_at = caught_up_at - shift,
           made_due_at = made_due_at - shift,
           read_from = (read_from - shift)::date,
           whole_at = array(select at - shift from unnest(whole_at) as at);
         update mirror.suspects set looked_at = looked_at - shift, mirrored_at = mirrored_at - shift,
           written_after = written_after - shift;
         update mirror.listings set listed_at = listed_at - shift, listed_before = listed_before - shift;
         update mirror.paths set began_at = began_at - shift, first_pass_at = first_pass_at - shift;
         update mirror.coverage set from_at = from_at - shift, to_at = to_at - shift;
         update mirror.direct_writes set written_at = written_at - shift;
         update mirror.divergence_log set
           first_seen_at = first_seen_at - shift, last_seen_at = last_seen_at - shift,
           event_time = event_time - shift, written_after = written_after - shift,
           written_before = written_before - shift, resolved_at = resolved_at - shift;
         update rtdb.quest_completions set
           mirrored_at = mirrored_at - shift,
           event_time = event_time - shift,
           completed_at = completed_at - case when payload = 'true' then shift else interval '0' end;
       end $$`,
    );
  }

  /** An interval of `mirror.coverage`, by how long ago it began and ended; null = it lasts. */
  async gap(reason: string, from: string, to: string | null, detail: Json = {}): Promise<void> {
    await this.proof.database.query(
      `insert into mirror.coverage (from_at, to_at, reason, detail)
       values (clock_timestamp() - $1::interval, clock_timestamp() - $2::interval, $3, $4)`,
      [from, to, reason, JSON.stringify(detail)],
    );
  }

  /** A row of the trigger's. */
  async logged(
    quest: string,
    row: {
      kind: string;
      cause: string;
      rtdbValue?: Json;
      detail?: Json;
      at?: Date;
      isResolved?: boolean;
    },
  ): Promise<void> {
    await this.proof.database.query(
      `insert into mirror.divergence_log
         (path, ref, shard, day, key, kind, cause, severity, detected_by, rtdb_value, detail, event_id, event_time,
          resolved_at)
       values ('quest_completions', $1, 'a_b', $2::text::date,
         jsonb_build_object('couple_id', 'a_b', 'date_key', $2::text, 'quest_id', $3::text, 'user_id', 'a'),
         $4, $5, 'warning', 'trigger', $6, $7, 'e-logged', $8, case when $9 then clock_timestamp() end)`,
      [
        keysOf(quest, 'a_b', TODAY).join('/'),
        TODAY,
        quest,
        row.kind,
        row.cause,
        JSON.stringify(row.rtdbValue ?? null),
        JSON.stringify(row.detail ?? {}),
        row.at ?? new Date(),
        row.isResolved ?? false,
      ],
    );
  }

  /** Reads all that is due, whatever was read before. */
  async read(paths: readonly MirroredPath[] = [questCompletions]): Promise<void> {
    await this.proof.database.query(
      'update mirror.readings set is_full_due = true, due_at = clock_timestamp()',
    );
    const { failures } = await this.proof.work({}, paths);
    expect(failures).toEqual([]);
  }

  /** What the readings have open, or had. */
  told(): Promise<Told[]> {
    return this.proof.database.query<Told & Record<string, unknown>>(
      `select ref, kind, cause, severity, keys, detail
       from mirror.divergence_log where written_before is not null order by id`,
    );
  }
}

export function keysOf(quest: string, couple = 'a_b', day = TODAY): string[] {
  return ['daily_quests', couple, day, 'completions', quest, 'a'];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
