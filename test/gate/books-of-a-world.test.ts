/** What the model says of its books, and what Postgres says of the same, are one: the world test plays the model. */
import { readEvidence } from '../../functions/src/gate/evidence';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { pristineDatabase } from '../support/pristine-database';
import { PILOT } from './support/books';
import { evidenceOf } from './support/model-evidence';
import { type Key, ModelWorld, type Scenario } from './support/model-world';

const SCENARIO: Scenario = {
  ...{ couples: 40, hours: 51, sessions: 2, burst: 2, past: 20, everyHours: 1, maxAgeHours: 2 },
  ...{ asks: [50], readyBy: 0, updates: 0.3, deletes: 0.1, claims: 0.3, signUpsADay: 30 },
  ...{ hotKeys: 0, onAt: null, slow: 0.02 },
  loses: (world, key) => key !== null && world.random() < 0.08,
  cannotRead: ({ n }) => n === 7,
  setUp: (world) => {
    for (const time of [30, 41, 48.2]) world.at(time, () => world.repair());
    world.at(44, () => world.backfill());
    world.at(49.2, () => {
      for (const couple of world.couples.slice(10, 20)) {
        for (const key of world.keysOf(couple)) {
          if (key.row && world.random() < 0.1) world.removeByHand(key);
        }
      }
    });
  },
};

/** The books as rows; hours before now. */
function booksOf(world: ModelWorld) {
  const before = (time: number | null) => (time === null ? null : world.now - time);
  const names = new Map<Key, Record<string, string>>();
  const readings = [];
  const log = [];
  const rows = [];
  const direct = [];
  for (const couple of world.couples) {
    const shard = `c${couple.n}`;
    let n = 0;
    for (const key of world.keysOf(couple)) {
      n += 1;
      const day = new Date(Date.UTC(2026, 10, 20 + key.day)).toISOString().slice(0, 10);
      const name = { couple_id: shard, date_key: day, quest_id: `k${n}`, user_id: 'u' };
      names.set(key, name);
      if (key.directAt !== null) direct.push({ shard, key: name, at: before(key.directAt) });
      const { row } = key;
      if (!row) continue;
      const { origin, value } = row;
      rows.push({
        ...name,
        origin,
        is_live: value !== undefined,
        mirrored: before(row.mirroredAt),
      });
    }
    for (const one of couple.differences) {
      log.push({
        ...{ shard, key: names.get(one.key), kind: one.kind, by: one.resolvedBy },
        ...{
          after: before(one.after),
          before: before(one.before),
          resolved: before(one.resolvedAt),
        },
        ref: `${shard}/${names.get(one.key)?.quest_id}`,
      });
    }
    if (couple.seenAt === null) continue;
    const { keys, brought, inFlight: in_flight, countedSince } = couple;
    readings.push({
      ...{
        shard,
        keys,
        brought,
        in_flight,
        seen: before(couple.seenAt),
        read: before(couple.readAt),
      },
      ...{ touched: before(couple.touchedAt), full: before(couple.fullAt) },
      ...{ failed: before(couple.failedAt), counted: before(countedSince) },
    });
  }
  return { readings, log, rows, direct, listed: before(world.listedAt) };
}

test.each([7919, 15838, 23757])('a world from seed %i', async (seed) => {
  const database = await pristineDatabase();
  let compared = 0;
  let books: ReturnType<typeof booksOf> | undefined;
  let expected: ReturnType<typeof evidenceOf> | undefined;
  new ModelWorld(SCENARIO, seed).run((world) => {
    books = booksOf(world);
    expected = evidenceOf(world);
  });
  await database.query(
    `with books as (select $1::jsonb as b),
     settings as materialized (select set_config('mirror.writer', 'on', true)),
     readings as (
       insert into mirror.readings (
         path, shard, keys, brought, in_flight, first_seen_at, read_at, touched_at, full_at, failed_at,
         counted_since
       )
       select $2, shard, keys, brought, in_flight, now() - seen * interval '1 hour',
         now() - read * interval '1 hour', now() - touched * interval '1 hour',
         now() - "full" * interval '1 hour', now() - failed * interval '1 hour',
         case when counted > 1e6 then '-infinity' else now() - counted * interval '1 hour' end
       from books, jsonb_to_recordset(b -> 'readings') as r (
         shard text, keys integer, brought integer, in_flight integer, seen float, read float, touched float,
         "full" float, failed float, counted float
       )
     ),
     log as (
       insert into mirror.divergence_log (
         path, ref, shard, day, key, kind, cause, severity, detected_by, written_after, written_before,
         resolved_at, resolved_by
       )
       select $2, ref, shard, (key ->> 'date_key')::date, key, kind, 'unknown', 'error', 'reconciler',
         now() - after * interval '1 hour', now() - before * interval '1 hour',
         now() - resolved * interval '1 hour', by
       from books, jsonb_to_recordset(b -> 'log') as l (
         ref text, shard text, key jsonb, kind text, after float, before float, resolved float, by text
       )
     ),
     rows as (
       insert into rtdb.quest_completions (
         couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time, deleted_at,
         mirrored_at
       )
       select couple_id, date_key, quest_id, user_id, now(), case when is_live then 'true'::jsonb end, origin,
         now(), case when not is_live then now() end, now() - mirrored * interval '1 hour'
       from settings, books, jsonb_to_recordset(b -> 'rows') as r (
         couple_id text, date_key date, quest_id text, user_id text, origin text, is_live boolean,
         mirrored float
       )
     ),
     direct as (
       insert into mirror.direct_writes (path, shard, key, operation, written_by, written_at)
       select $2, shard, key, 'delete', 'somebody', now() - at * interval '1 hour'
       from books, jsonb_to_recordset(b -> 'direct') as d (shard text, key jsonb, at float)
     )
     insert into mirror.listings (path, listed_at)
     select $2, now() - (b ->> 'listed')::float * interval '1 hour' from books`,
    [JSON.stringify(books), PILOT],
  );
  await database.query(
    `update mirror.paths
     set began_at = now() - interval '1000 hours', first_pass_at = now() - interval '1000 hours'`,
  );
  const [found] = await readEvidence(database.statements, [PILOT], null, PROOF_TIMES);
  for (const name of ['copy', 'mirror'] as const) {
    const tally = (one: typeof found) => {
      const { total, differing, unknown } = one?.[name] ?? {};
      compared += total ?? 0;
      return { total, differing, unknown };
    };
    expect(tally(found)).toEqual(tally(expected));
  }
  expect(found?.mirror.differing).toBeGreaterThan(5);
  expect(found?.shards).toBe(expected?.shards);
  expect(found?.affectedShards).toBe(expected?.affectedShards);
  expect(compared).toBeGreaterThan(1_000);
});
