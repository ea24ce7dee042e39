import { questCompletions } from '../../../functions/src/paths/quest-completions/quest-completions';
import type { Json } from '../../../functions/src/values/json';
import { startProof, type TestProof, type Worked } from '../../readings/support/proof';
import { type CommandResult, runCommand } from '../../support/command';
import { mirrorOn, type TestMirror, writeOf } from '../../support/mirror';

/** Whether, and how, a write's event came. */
export type Fate = 'mirrored' | 'lost';

interface Write {
  key: string;
  fate: Fate;
  hoursAgo: number;
}

/** A world to begin with. */
export interface KeptWorld {
  database: string;
  tree: unknown;
  writes: Write[];
}

export interface Where {
  couple?: string;
  day?: string;
  user?: string;
}

/** What somebody says who holds both exports and the list of what was lost. */
export interface Truth {
  keys: number;
  agree: number;
  written: number;
  brought: number;
}

/** An instant's day, so many days back. */
export const dayBack = (days: number): string =>
  new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
export const TODAY = dayBack(0);

/**
 * A mirror in which time can pass: RTDB's stand-in and Postgres, written by the mirror's own path and read by the real
 * workers and verbs. It keeps its own list of what was written and what was lost.
 */
export class RealWorld {
  #events = 0;

  private constructor(
    readonly proof: TestProof,
    readonly mirror: TestMirror,
    readonly writes: Write[],
  ) {}

  /** On for 40 days; nothing was written. */
  static async start(): Promise<RealWorld> {
    const proof = await startProof();
    const world = new RealWorld(proof, mirrorOn(proof.database.url), []);
    await world.sql(
      `insert into mirror.coverage (from_at, to_at, reason)
       values (now() - interval '41 days', now() - interval '40 days', 'flag_off')`,
    );
    await world.sql(`update mirror.paths set began_at = now() - interval '40 days'`);
    return world;
  }

  /** Leaves it, as something to begin with: {@link RealWorld.from}. */
  async keep(): Promise<KeptWorld> {
    const tree = await this.proof.rtdb.rest.get([]);
    const { database, rtdb } = this.proof;
    await this.mirror.store.close();
    await Promise.all([database.pool.end(), rtdb.standin.stop()]);
    return { database: new URL(database.url).pathname.slice(1), tree, writes: this.writes };
  }

  static async from({ database, tree, writes }: KeptWorld): Promise<RealWorld> {
    const proof = await startProof({ template: database });
    await proof.rtdb.rest.set([], tree as never);
    const own = writes.map((write) => ({ ...write }));
    return new RealWorld(proof, mirrorOn(proof.database.url), own);
  }

  async stop(): Promise<void> {
    await this.mirror.store.close();
    await this.proof.stop();
  }

  sql<Row extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.proof.database.query<Row>(text, values);
  }

  /** As the mirror itself writes. */
  byMirror(text: string): Promise<unknown> {
    return this.sql(`begin; select set_config('mirror.writer', 'on', true); ${text}; commit`);
  }

  couples(count = 24): string[] {
    return Array.from({ length: count }, (_, n) => `c${n}_x`);
  }

  /** A phone writes, or removes (null); the event is mirrored, or it is lost. */
  async write(
    quest: string,
    value: Json,
    fate: Fate = 'mirrored',
    { couple = 'c0_x', day = TODAY, user = 'x' }: Where = {},
  ): Promise<() => Promise<void>> {
    const path = ['daily_quests', couple, day, 'completions', quest, user];
    const before = (await this.proof.rtdb.rest.get(path)) as Json;
    await this.proof.rtdb.rest.set(path, value as never);
    this.#events += 1;
    const ref = path.join('/');
    const event = writeOf({
      ...{ id: `event-${this.writes.length}-${this.#events}`, ref, before, after: value },
      time: await this.now(),
    });
    this.writes.push({ key: ref, fate, hoursAgo: 0 });
    const deliver = async () => void (await this.mirror.mirror(event));
    if (fate === 'mirrored') await deliver();
    return deliver;
  }

  /** The same of every couple. */
  async writeAll(quest: string, fate: (n: number) => Fate = () => 'mirrored', where: Where = {}) {
    await Promise.all(
      this.couples().map((couple, n) => this.write(quest, true, fate(n), { couple, ...where })),
    );
  }

  async now(): Promise<string> {
    const [row] = await this.sql<{ now: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    );
    return row?.now ?? '';
  }

  /**
   * Makes everything that happened so far older, in the books, the copy and the list. Values that tell a time are not: they
   * are none of this world.
   */
  async pass(hours: number): Promise<void> {
    for (const write of this.writes) write.hoursAgo += hours;
    await this.sql(
      `do $$
       declare
         shift constant interval := make_interval(hours => ${hours});
         aged record;
       begin
         perform set_config('mirror.writer', 'on', true);
         for aged in
           select format('%I.%I', c.table_schema, c.table_name) as relation,
             string_agg(
               case c.udt_name
                 when '_timestamptz'
                 then format('%1$I = array(select at - shift from unnest(%1$I) as at)', c.column_name)
                 when 'date' then format('%1$I = (%1$I - shift)::date', c.column_name)
                 else format(
                   case c.column_name
                     when 'completed_at'
                     then '%1$I = %1$I - case when payload = ''true'' then shift else ''0'' end'
                     else '%1$I = %1$I - shift'
                   end, c.column_name)
               end, ', ') as changes
           from information_schema.columns as c
           join information_schema.tables as t using (table_schema, table_name)
           where t.table_type = 'BASE TABLE'
             and (
               c.table_schema = 'mirror' and c.table_name not in ('schema_migrations', 'client_claims', 'canaries', 'reading_sums')
                 and (c.udt_name in ('timestamptz', '_timestamptz') or c.column_name = 'read_from')
               or c.table_schema = 'rtdb' and c.udt_name = 'timestamptz'
                 and c.column_name in ('mirrored_at', 'event_time', 'deleted_at', 'client_claimed_at')
                 or c.table_name = 'quest_completions' and c.column_name = 'completed_at'
             )
           group by 1
         loop
           execute 'update ' || aged.relation || ' set '
             || replace(aged.changes, 'shift', quote_literal(shift::text) || '::interval');
         end loop;
       end $$`,
    );
    // Its hour is in its key: one row would come upon another that has not moved yet.
    await this.sql(
      `with old as (delete from mirror.reading_sums returning *)
       insert into mirror.reading_sums
       select (jsonb_populate_record(
         null::mirror.reading_sums,
         to_jsonb(old) || jsonb_build_object('full_hour', old.full_hour - make_interval(hours => $1))
       )).*
       -- All are gone before the first is back.
       from old order by old.full_hour`,
      [hours],
    );
    // A canary each five minutes: those that were there keep their distance.
    await this.sql(
      `with old as (delete from mirror.canaries returning path, written_at, arrived_at, lag_ms)
       insert into mirror.canaries (path, written_at, arrived_at, lag_ms)
       select path, written_at - make_interval(hours => $1), arrived_at - make_interval(hours => $1), lag_ms
       from old
       union all
       select p.path, at, at + interval '300 milliseconds', 300
       from mirror.paths as p,
         generate_series(
           now() - make_interval(hours => $1) + interval '5 minutes', now(), '5 minutes'
         ) as at`,
      [hours],
    );
  }

  /** `mirrorReconcile`, until nothing is due. */
  work(): Promise<Worked> {
    return this.proof.work();
  }

  verb(...args: string[]): Promise<CommandResult> {
    return runCommand(args, {
      DATABASE_URL: this.proof.database.url,
      RECONCILE_GRACE_SECONDS: '0',
      ...this.proof.rtdb.env,
    });
  }

  async report(...args: string[]) {
    const { code, out, errors } = await this.verb('report', '--json', ...args);
    if (out === '') return { code, sentence: errors, verdict: null, pilot: null };
    const json = JSON.parse(out) as {
      verdict: string;
      sentence: string;
      paths: { path: string; copy: Rate; mirror: Rate; reasons: { code: string }[] }[];
    };
    const pilot = json.paths.find(({ path }) => path === questCompletions.name) ?? null;
    return { code, sentence: json.sentence, verdict: json.verdict, pilot };
  }

  /** Of keys: whether both stores show the same; of those written within the day: whether their last event came. */
  async truth(): Promise<Truth> {
    const held = leaves(await this.proof.rtdb.rest.get(['daily_quests']));
    const rows = new Map(
      (
        await this.sql<{ ref: string; payload: Json }>(
          `select concat_ws('/', 'daily_quests', couple_id, date_key, 'completions', quest_id, user_id) as ref, payload
           from rtdb.quest_completions where deleted_at is null and origin <> 'client'`,
        )
      ).map(({ ref, payload }) => [ref, JSON.stringify(payload)]),
    );
    const keys = new Set([...held.keys(), ...rows.keys()]);
    const last = new Map<string, Write>();
    for (const write of this.writes) if (write.hoursAgo < 24) last.set(write.key, write);
    return {
      keys: keys.size,
      agree: [...keys].filter((key) => held.get(key) === rows.get(key)).length,
      written: last.size,
      brought: [...last.values()].filter(({ fate }) => fate === 'mirrored').length,
    };
  }
}

interface Rate {
  total: number;
  differing: number;
  unknown: number;
  lower: number;
  upper: number;
}

function leaves(tree: unknown): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (node: unknown, path: string[]) => {
    if (path.length === 6 || typeof node !== 'object' || node === null) {
      if (path[3] === 'completions' && node !== null && node !== false)
        found.set(path.join('/'), JSON.stringify(node));
      return;
    }
    for (const [key, child] of Object.entries(node)) walk(child, [...path, key]);
  };
  walk(tree, ['daily_quests']);
  return found;
}
