import { randomInt } from 'node:crypto';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** Text that no compression shortens: three bytes a character, as random as text can be. */
function incompressible(bytes: number): string {
  let text = '';
  for (let length = 0; length < bytes; length += 3) {
    text += String.fromCodePoint(randomInt(0x4e00, 0x9fff));
  }
  return text;
}

const insertCompletion = (ids: { couple: string; quest: string; user: string; partner?: string }) =>
  database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, origin, event_time)
     values ($1, '2025-11-20', $2, $3, $4, now(), 'rtdb', now())`,
    [ids.couple, ids.quest, ids.user, ids.partner ?? null],
  );

describe('ids', () => {
  test("as long as RTDB's limit fit the primary key, many to a page", async () => {
    const couple = incompressible(768);
    expect(Buffer.byteLength(couple)).toBe(768);
    for (let row = 0; row < 20; row += 1) {
      const [quest, user] = [incompressible(768), incompressible(768)];
      await insertCompletion({ couple, quest, user, partner: incompressible(765) });
    }
    const rows = await database.query(
      'select from rtdb.quest_completions where couple_id = $1 order by quest_id',
      [couple],
    );
    expect(rows).toHaveLength(20);
  });

  test.each(['couple', 'quest', 'user', 'partner'])('a longer %s is a permanent error', (which) => {
    const ids = { couple: 'a_b', quest: 'q', user: 'a', [which]: incompressible(771) };
    return expect(insertCompletion(ids)).rejects.toMatchObject({
      code: '23514',
      constraint: 'quest_completions_ids_within_rtdb_limit',
    });
  });
});

describe('a completion', () => {
  const insert = (columns: string, values: string) =>
    database.query(
      `insert into rtdb.quest_completions
         (couple_id, date_key, quest_id, user_id, completed_at, ${columns})
       values ('a_b', '2025-11-20', 'quest_1', 'a', now(), ${values})`,
    );

  test.each([
    ['an unknown origin', 'origin, event_time', `'phone', now()`, '23514'],
    [
      'a tombstone with a payload',
      'origin, event_time, deleted_at, payload',
      `'rtdb', now(), now(), 'true'`,
      '23514',
    ],
    ['no version', 'origin', `'rtdb'`, '23502'],
  ])('is refused with %s', (_case, columns, values, code) =>
    expect(insert(columns, values)).rejects.toMatchObject({ code }),
  );

  test('of a client has the version that any event beats; the clock stamps it', async () => {
    await insert('origin, event_time, payload', `'client', '-infinity', 'true'`);
    const rows = await database.query(
      `select event_time < '0001-01-01 bc' as beaten,
              clock_timestamp() - mirrored_at between '0 s' and '10 s' as stamped
       from rtdb.quest_completions where couple_id = 'a_b'`,
    );
    expect(rows).toEqual([{ beaten: true, stamped: true }]);
  });
});

describe('a divergence', () => {
  const LONG_REF = `daily_quests/${incompressible(6000)}`;
  const see = (kind: string, ref = LONG_REF, path = 'quest_completions') =>
    database.query(
      `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by)
       values ($3, $1, $2, 'unknown', 'error', 'trigger')
       on conflict (md5(ref), kind, path) where resolved_at is null
       do update set times_seen = mirror.divergence_log.times_seen + 1,
                     last_seen_at = clock_timestamp()`,
      [ref, kind, path],
    );

  test('is one open row a path, leaf and kind, counted when seen again, at any length', async () => {
    await see('missed_event');
    await see('missed_event');
    await see('out_of_order');
    await database.query(
      `update mirror.divergence_log set resolved_at = now() where kind = 'out_of_order'`,
    );
    await see('out_of_order');
    await see('out_of_order', LONG_REF, 'quest_lists');
    const rows = await database.query(
      `select kind, times_seen, resolved_at is null as open
       from mirror.divergence_log where ref = $1 order by id`,
      [LONG_REF],
    );
    expect(rows).toEqual([
      { kind: 'missed_event', times_seen: 2, open: true },
      { kind: 'out_of_order', times_seen: 1, open: false },
      { kind: 'out_of_order', times_seen: 1, open: true },
      { kind: 'out_of_order', times_seen: 1, open: true },
    ]);
  });

  test('of an unknown kind is refused', () =>
    expect(see('odd')).rejects.toMatchObject({ constraint: 'divergence_log_kind_known' }));
});

test.each([
  ['mirror.coverage (from_at, reason)', `(now(), 'holiday')`],
  [
    'mirror.divergence_log (path, ref, kind, cause, severity, detected_by, keys)',
    `('p', 'r', 'out_of_order', 'race', 'info', 'trigger', 0)`,
  ],
  [
    'mirror.divergence_log (path, ref, kind, cause, severity, detected_by, resolved_by)',
    `('p', 'r', 'out_of_order', 'race', 'info', 'trigger', 'luck')`,
  ],
  [
    'mirror.paths (path, ref, relation, key_columns, other_columns, visible_to, declaration_hash)',
    `('Bad Name', 'r', 'r', '{}', '{}', '{}', '')`,
  ],
  ['mirror.identity (is_only, instance, host)', `(false, 'i', 'h')`],
  ['mirror.coverage (from_at, to_at, reason)', `(now(), now() - interval '1 s', 'outage')`],
])('insert into %s values %s is refused', (target, values) =>
  expect(database.query(`insert into ${target} values ${values}`)).rejects.toMatchObject({
    code: '23514',
  }),
);
