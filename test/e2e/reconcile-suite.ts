import { eventually } from '../support/eventually';
import type { Stage } from './stage';

const TODAY = new Date().toISOString().slice(0, 10);
const leaf = (couple: string, quest: string, user: string) => [
  ...['daily_quests', couple, TODAY],
  ...['completions', quest, user],
];

/** The scheduled functions. */
export function reconcileSuite(stage: () => Stage): void {
  let database: Stage['database'];
  let emulators: Stage['emulators'];
  let rtdb: Stage['rtdb'];

  beforeAll(() => {
    ({ database, emulators, rtdb } = stage());
  });

  /** As Cloud Scheduler calls it. */
  const fire = async (name: string) => {
    const { functionsOrigin, projectId, region } = emulators;
    const trigger = `${region}-${name}-0`;
    const url = `${functionsOrigin}/functions/projects/${projectId}/triggers/${trigger}`;
    const response = await fetch(url, { method: 'POST' });
    expect(response.status).toBe(200);
  };

  const readings = () =>
    database.query(
      `select shard, keys::integer, in_flight::integer, failed_at
       from mirror.readings where path = 'quest_completions' order by shard`,
    );

  test('every shard is read in both stores, and the rates are kept', async () => {
    for (const user of ['ann', 'bob']) await rtdb.set(leaf('ann_bob', 'quest_1', user), true);
    await rtdb.set(leaf('cyd_dan', 'quest_1', 'cyd'), 'rubbish');
    await eventually(
      async () =>
        expect(await database.query('select from rtdb.quest_completions')).toHaveLength(2),
      { describe: 'the mirror', timeoutMs: 20_000 },
    );
    await fire('mirrorReconcile');
    expect(await readings()).toEqual([
      { shard: 'ann_bob', keys: 2, in_flight: 0, failed_at: null },
      { shard: 'cyd_dan', keys: 1, in_flight: 0, failed_at: null },
    ]);
    const open = await database.query(
      `select kind, cause, shard from mirror.divergence_log
       where resolved_at is null and detected_by = 'reconciler'`,
    );
    expect(open).toEqual([{ kind: 'missing_in_postgres', cause: 'rejected', shard: 'cyd_dan' }]);
    const rates = await database.query(
      `select copy_keys::integer, copy_differing::integer, unread_shards::integer
       from mirror.rates where path = 'quest_completions'`,
    );
    expect(rates).toEqual([{ copy_keys: 3, copy_differing: 1, unread_shards: 0 }]);
  }, 60_000);

  test('a canary comes through the whole mirror', async () => {
    await fire('mirrorCanary');
    await eventually(
      async () =>
        expect(
          await database.query(
            `select from rtdb.quest_completions where couple_id = 'canary_canary-partner'`,
          ),
        ).toHaveLength(1),
      { describe: 'the canary', timeoutMs: 20_000 },
    );
    await fire('mirrorCanary');
    expect(await database.query('select from mirror.coverage')).toEqual([]);
  }, 60_000);
}
