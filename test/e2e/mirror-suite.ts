import { deleteApp, initializeApp } from 'firebase-admin/app';
import { getDatabase } from 'firebase-admin/database';
import { eventually } from '../support/eventually';
import type { Stage } from './stage';

type MirrorStage = Pick<Stage, 'database' | 'rtdb'> & {
  emulators: Pick<Stage['emulators'], 'databaseHost' | 'namespace' | 'projectId'>;
};

const DATE = '2026-11-22';
const TOKEN = `fK3x_9dTQm-1aB:APA91b${'Hq7_Zr-2'.repeat(16)}`;
const COUPLE = 'alice_bob_smith';
const TOKEN_COUPLE = `alice_${TOKEN}`;

interface Row {
  payload: unknown;
  partner_id: string;
  origin: string;
  is_deleted: boolean;
}

/** The trigger: what is written to RTDB reaches Postgres. */
export function mirrorSuite(stage: () => MirrorStage): void {
  let database: MirrorStage['database'];
  let emulators: MirrorStage['emulators'];
  let rtdb: MirrorStage['rtdb'];

  beforeAll(() => {
    ({ database, emulators, rtdb } = stage());
  });

  const leaf = (couple: string, quest: string, user: string) => [
    ...['daily_quests', couple, DATE],
    ...['completions', quest, user],
  ];

  const rowOf = async (couple: string, quest: string, user: string) => {
    const rows = await database.query<Row>(
      `select payload, partner_id, origin, deleted_at is not null as is_deleted
       from rtdb.quest_completions
       where couple_id = $1 and date_key = $2 and quest_id = $3 and user_id = $4`,
      [couple, DATE, quest, user],
    );
    return rows[0];
  };

  const eventuallyRow = (quest: string, user: string, expected: Partial<Row>, couple = COUPLE) =>
    eventually(async () => expect(await rowOf(couple, quest, user)).toMatchObject(expected), {
      timeoutMs: 20_000,
      describe: `${couple} ${quest} ${user}`,
    });

  const eventuallyDivergences = (kind: string, refPart: string, count: number) =>
    eventually(
      async () => {
        const rows = await database.query<{ cause: string; severity: string }>(
          `select cause, severity from mirror.divergence_log
           where kind = $1 and position($2 in ref) > 0`,
          [kind, refPart],
        );
        expect(rows).toHaveLength(count);
        return rows;
      },
      { timeoutMs: 20_000, describe: `${count} divergences ${kind} of ${refPart}` },
    );

  test('a completion that firebase-admin writes reaches Postgres', async () => {
    const { namespace, projectId, databaseHost } = emulators;
    const app = initializeApp(
      { projectId, databaseURL: `http://${databaseHost}?ns=${namespace}` },
      'emulator-suite',
    );
    try {
      await getDatabase(app)
        .ref(leaf(COUPLE, 'quest_admin', 'alice').join('/'))
        .set(true);
    } finally {
      await deleteApp(app);
    }
    await eventuallyRow('quest_admin', 'alice', {
      ...{ payload: true, partner_id: 'bob_smith', origin: 'rtdb', is_deleted: false },
    });
  });

  test('completions written over REST reach Postgres, a push token as the user', async () => {
    await Promise.all([
      rtdb.set(leaf(COUPLE, 'quest_rest', 'bob_smith'), { completedAt: 1795384811375 }),
      rtdb.set(leaf(TOKEN_COUPLE, 'quest_rest', TOKEN), 1795384811375),
    ]);
    await eventuallyRow('quest_rest', 'bob_smith', { payload: { completedAt: 1795384811375 } });
    await eventuallyRow(
      ...(['quest_rest', TOKEN, { payload: 1795384811375, partner_id: 'alice' }] as const),
      TOKEN_COUPLE,
    );
  });

  test('keys beyond ASCII, with spaces and quotes, arrive as they are', async () => {
    const [quest, couple] = ['quiz 💚 "é"', 'zoë_łukasz k'];
    await rtdb.set(leaf(couple, quest, 'łukasz k'), true);
    await eventuallyRow(quest, 'łukasz k', { payload: true, partner_id: 'zoë' }, couple);
  });

  test('a completion that is taken back leaves a tombstone', async () => {
    const path = leaf(COUPLE, 'quest_back', 'alice');
    await rtdb.set(path, true);
    await eventuallyRow('quest_back', 'alice', { is_deleted: false });
    await rtdb.remove(path);
    await eventuallyRow('quest_back', 'alice', { is_deleted: true, payload: null });
  });

  test('a day that is overwritten whole leaves tombstones and says so', async () => {
    const couple = 'carol_dave';
    const [carol, dave] = ['carol', 'dave'].map((user) => leaf(couple, 'quest_lost', user));
    await Promise.all([rtdb.set(carol ?? [], true), rtdb.set(dave ?? [], true)]);
    await eventuallyRow('quest_lost', 'carol', { is_deleted: false }, couple);
    await eventuallyRow('quest_lost', 'dave', { is_deleted: false }, couple);
    await rtdb.set(['daily_quests', couple, DATE], { dateKey: DATE, generatedBy: 'dave' });
    await eventuallyRow('quest_lost', 'carol', { is_deleted: true }, couple);
    await eventuallyRow('quest_lost', 'dave', { is_deleted: true }, couple);
    const [first] = await eventuallyDivergences('ancestor_overwrite', couple, 2);
    expect(first?.cause).toBe('ancestor_overwrite');
  });

  test('a value that is no completion is logged and makes no row', async () => {
    await rtdb.set(leaf(COUPLE, 'quest_rubbish', 'alice'), 'yes');
    const [logged] = await eventuallyDivergences('invalid_payload', 'quest_rubbish', 1);
    expect(logged).toEqual({ cause: 'rejected', severity: 'error' });
    expect(await rowOf(COUPLE, 'quest_rubbish', 'alice')).toBeUndefined();
  });
}
