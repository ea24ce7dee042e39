import fc from 'fast-check';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { startProof, type TestProof } from './support/proof';

/**
 * Whatever is written, lost, late or filled between readings of any kind: once all is quiet and the shard was
 * read in full, what is open is what differs, and what is counted is what either store holds.
 */

let proof: TestProof;

beforeAll(async () => {
  proof = await startProof();
});

afterAll(() => proof.stop());

const TODAY = new Date().toISOString().slice(0, 10);
const DAYS = [TODAY, '2026-01-05'];
const QUESTS = ['q1', 'q2', 'q3'];

interface Key {
  day: string;
  quest: string;
}

const key = fc.record({ day: fc.constantFrom(...DAYS), quest: fc.constantFrom(...QUESTS) });
const value = fc.constantFrom<boolean | number | null>(true, false, 1_700_000_000_000, null);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('write' as const),
      key,
      value,
      fate: fc.constantFrom('comes', 'late', 'lost'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('direct' as const), key }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('backfill' as const), key }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('deliver' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('read' as const),
      how: fc.constantFrom('due', 'whole', 'full'),
    }),
  },
);

test('once all is quiet, what is open is what differs, and each key counts once', async () => {
  let shards = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      shards += 1;
      const world = new World(`a_b${shards}`);
      for (const one of steps) await world.play(one);
      await world.deliver();
      await world.read('full');
      expect(await world.found()).toEqual(await world.expected());
    }),
    { numRuns: 12, seed: 7 },
  );
}, 120_000);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly #held = new Map<string, boolean | number>();
  #late: { key: Key; value: boolean | number | null; at: Date }[] = [];

  constructor(private readonly couple: string) {}

  async play(one: Step): Promise<void> {
    if (one.does === 'write') await this.#write(one.key, one.value, one.fate);
    if (one.does === 'direct') await this.#direct(one.key);
    if (one.does === 'backfill') await this.#backfill(one.key);
    if (one.does === 'deliver') await this.deliver();
    if (one.does === 'read') await this.read(one.how);
  }

  async #write(at: Key, written: boolean | number | null, fate: string): Promise<void> {
    const path = ['daily_quests', this.couple, at.day, 'completions', at.quest, 'a'];
    await proof.rtdb.rest.set(path, written);
    if (written === null) this.#held.delete(this.#ref(at));
    else this.#held.set(this.#ref(at), written);
    const event = { key: at, value: written, at: new Date() };
    if (fate === 'comes') await this.#apply(event);
    if (fate === 'late') this.#late.push(event);
  }

  async deliver(): Promise<void> {
    for (const event of this.#late.splice(0)) await this.#apply(event);
  }

  /** As an event would: a newer row stays. */
  #apply({ key: at, value: written, at: time }: { key: Key; value: unknown; at: Date }) {
    const payload = written === null || written === false ? null : JSON.stringify(written);
    return proof.database.query(
      `with writer as materialized (select set_config('mirror.writer', 'on', true))
       insert into rtdb.quest_completions as q (couple_id, date_key, quest_id, user_id, partner_id,
         completed_at, payload, origin, event_id, event_time, deleted_at)
       select $1, $2, $3, 'a', $7,
         case when $4::jsonb = '1700000000000' then to_timestamp(1700000000) else $5::timestamptz end,
         $4::jsonb, 'rtdb', $6, $5, case when $4 is null then $5::timestamptz end
       from writer
       on conflict (couple_id, date_key, quest_id, user_id) do update
       set payload = excluded.payload, event_time = excluded.event_time, event_id = excluded.event_id,
         completed_at = excluded.completed_at, deleted_at = excluded.deleted_at, origin = 'rtdb',
         mirrored_at = clock_timestamp()
       where q.event_time < excluded.event_time`,
      [this.couple, at.day, at.quest, payload, time, `e${Math.random()}`, this.#partner],
    );
  }

  get #partner() {
    return this.couple.slice(2);
  }

  #direct(at: Key) {
    return proof.database.query(
      'delete from rtdb.quest_completions where (couple_id, date_key, quest_id) = ($1, $2, $3)',
      [this.couple, at.day, at.quest],
    );
  }

  async #backfill(at: Key): Promise<void> {
    const held = this.#held.get(this.#ref(at));
    if (held === undefined || held === false) return;
    await proof.database.query(
      `with writer as materialized (select set_config('mirror.writer', 'on', true))
       insert into rtdb.quest_completions (couple_id, date_key, quest_id, user_id, partner_id, completed_at,
         payload, origin, event_time)
       select $1, $2, $3, 'a', $5,
         case when $4::jsonb = '1700000000000' then to_timestamp(1700000000) else now() end,
         $4, 'backfill', '-infinity'
       from writer on conflict do nothing`,
      [this.couple, at.day, at.quest, JSON.stringify(held), this.#partner],
    );
  }

  async read(how: string): Promise<void> {
    // Other worlds' shards are none of this one's business.
    await proof.database.query(
      `update mirror.readings
       set due_at = case when shard = $1 then clock_timestamp() else 'infinity' end,
         is_full_due = is_full_due or $2`,
      [this.couple, how === 'full'],
    );
    if (how === 'full') await proof.database.query('update mirror.listings set listed_at = null');
    const done = await proof.work(
      how === 'whole' ? { everyMs: 1, touchedEveryMs: 0 } : { touchedEveryMs: 0 },
      [questCompletions],
      how === 'full' ? 400 : 3,
    );
    expect(done.failures).toEqual([]);
  }

  #ref({ day, quest }: Key): string {
    return `daily_quests/${this.couple}/${day}/completions/${quest}/a`;
  }

  async found() {
    const open = await proof.database.query<{ ref: string; kind: string }>(
      `select ref, kind from mirror.divergence_log
       where shard = $1 and resolved_at is null and written_before is not null order by ref`,
      [this.couple],
    );
    const [reading] = await proof.database.query<{ keys: number; in_flight: number }>(
      'select keys, in_flight from mirror.readings where shard = $1',
      [this.couple],
    );
    return { open, keys: reading?.keys ?? 0, inFlight: reading?.in_flight ?? 0 };
  }

  async expected() {
    const rows = await proof.database.query<{ ref: string; payload: unknown }>(
      `select format('daily_quests/%s/%s/completions/%s/a', couple_id, date_key, quest_id) as ref, payload
       from rtdb.quest_completions where couple_id = $1 and deleted_at is null`,
      [this.couple],
    );
    const live = new Map(rows.map(({ ref, payload }) => [ref, payload]));
    const held = new Map([...this.#held].filter(([, held]) => held !== false));
    const refs = [...new Set([...live.keys(), ...held.keys()])].sort();
    const open = refs.flatMap((ref) => {
      if (!live.has(ref)) return [{ ref, kind: 'missing_in_postgres' }];
      if (!held.has(ref)) return [{ ref, kind: 'missing_in_rtdb' }];
      return live.get(ref) === held.get(ref) ? [] : [{ ref, kind: 'value_mismatch' }];
    });
    return { open, keys: refs.length, inFlight: 0 };
  }
}
