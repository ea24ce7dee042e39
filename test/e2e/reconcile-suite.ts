import { eventually } from '../support/eventually';
import type { Stage } from './stage';

const TODAY = new Date().toISOString().slice(0, 10);
const leaf = (couple: string, quest: string, user: string) => [
  ...['daily_quests', couple, TODAY],
  ...['completions', quest, user],
];

/** The scheduled functions, and the queue of the reconciler. */
export function reconcileSuite(stage: () => Stage): void {
  let database: Stage['database'];
  let emulators: Stage['emulators'];
  let rtdb: Stage['rtdb'];

  beforeAll(() => {
    ({ database, emulators, rtdb } = stage());
  });

  /** As Cloud Scheduler calls it. */
  const fire = async (name: string) => {
    const { functionsOrigin, projectId } = emulators;
    const trigger = `us-central1-${name}-0`;
    const url = `${functionsOrigin}/functions/projects/${projectId}/triggers/${trigger}`;
    const response = await fetch(url, { method: 'POST' });
    expect(response.status).toBe(200);
  };

  const runs = () =>
    database.query<{ status: string; matched: number }>(
      `select status, matched, missing_in_postgres, consistency::float
       from mirror.reconcile_runs order by id`,
    );

  test('a run is fanned out over tasks, and ends with what it counted', async () => {
    for (const user of ['ann', 'bob']) await rtdb.set(leaf('ann_bob', 'quest_1', user), true);
    await rtdb.set(leaf('cyd_dan', 'quest_1', 'cyd'), 'rubbish');
    await eventually(
      async () =>
        expect(await database.query('select from rtdb.quest_completions')).toHaveLength(2),
      { describe: 'the mirror', timeoutMs: 20_000 },
    );
    await fire('mirrorReconcile');
    await eventually(
      async () =>
        expect(await runs()).toEqual([
          { status: 'finished', matched: 2, missing_in_postgres: 1, consistency: 2 / 3 },
        ]),
      { describe: 'the run to finish', timeoutMs: 20_000 },
    );
    const open = await database.query(
      `select kind, cause, shard from mirror.divergence_log
       where resolved_at is null and detected_by = 'reconciler'`,
    );
    expect(open).toEqual([{ kind: 'missing_in_postgres', cause: 'rejected', shard: 'cyd_dan' }]);
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
