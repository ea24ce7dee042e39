import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { lpAwards } from '../../functions/src/paths/lp-awards';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { appFixture } from '../app/support/app-fixtures';
import { startProof, type TestProof } from '../readings/support/proof';
import { runCommand } from '../support/command';
import { mirrorPathOn, writeOf } from '../support/mirror';
import { everyText, rowCounts } from './support/every-text';

type Tree = { [name: string]: unknown };
const { before } = appFixture() as { before: Tree };
const COUPLE = Object.keys(before.lp_awards as Tree)[0] ?? '';
/** The fixture's couple is of these two. */
const [NOA, IDA] = [COUPLE.slice(COUPLE.indexOf('_') + 1), COUPLE.slice(0, COUPLE.indexOf('_'))];
const DATE = new Date().toISOString().slice(0, 10);

let proof: TestProof;

beforeEach(async () => {
  proof = await startProof();
});

afterEach(() => proof.stop());

const run = async (...args: string[]) => {
  const env = { ...proof.rtdb.env, DATABASE_URL: proof.database.url };
  return runCommand(args, env);
};
const erase = (user: string, ...options: string[]) => run('erase', '--user', user, ...options);
const hold = async (tree: Tree) => {
  for (const [name, node] of Object.entries(tree)) await proof.rtdb.rest.set([name], node as never);
};
/** Both stores agree, and the books know of every shard. */
const copied = async () => {
  await hold(before);
  expect((await run('backfill')).code).toBe(0);
  await proof.work();
};
const forgetInRtdb = async () => {
  for (const tree of Object.keys(before)) await proof.rtdb.rest.set([tree, COUPLE], null);
};
const clockPast = (days: number) =>
  proof.database.query(
    `update mirror.erased set until = until - make_interval(days => $1) where until < 'infinity'`,
    [days],
  );

describe('while RTDB still holds the person', () => {
  test('nothing is removed, and the paths are named', async () => {
    await copied();
    const count = await rowCounts(proof.database);
    const { code, out } = await erase(IDA, '--write');
    expect(code).toBe(1);
    expect(out).toContain('Nothing was removed: RTDB still holds the person');
    expect(out).toContain(`  lp_awards/${COUPLE}\n`);
    expect(out).toContain(`  daily_quests/${COUPLE}\n`);
    expect(await rowCounts(proof.database)).toEqual(count);
  });

  test('a leaf of another couple that names the person is one of them', async () => {
    await proof.rtdb.rest.set(['lp_awards', 'cleo_dora', 'a1'], { amount: 3, by: 'ann' });
    await proof.rtdb.rest.set(['lp_awards', 'cleo_dora', 'a2'], { amount: 3, by: 'annabel' });
    await run('backfill');
    const { code, out } = await erase('ann', '--json');
    expect([code, JSON.parse(out)]).toEqual([
      1,
      { written: false, held: ['lp_awards/cleo_dora/a1'] },
    ]);
    await proof.rtdb.rest.set(['lp_awards', 'cleo_dora', 'a1', 'by'], 'nobody');
    expect((await erase('ann')).code).toBe(0);
  });

  test('--rtdb-keeps-it asks RTDB nothing', async () => {
    await copied();
    const { code } = await runCommand(['erase', '--user', IDA, '--rtdb-keeps-it', '--write'], {
      DATABASE_URL: proof.database.url,
    });
    expect(code).toBe(0);
    expect(await everyText(proof.database)).not.toContain(IDA);
  });
});

describe('once RTDB holds nothing of the person', () => {
  /** Wherever an id can stand. */
  const fillBooks = async () => {
    await proof.database.query(
      `insert into mirror.identities (rtdb_user_id, app_user_id) values ($1, 'app-ida'), ($2, 'app-noa');`
        .replace('$1', `'${IDA}'`)
        .replace('$2', `'${NOA}'`),
    );
    const values = [COUPLE, IDA];
    await proof.database.query(`insert into mirror.client_claims values ($1, current_date, 3)`, [
      IDA,
    ]);
    await proof.database.query(
      `insert into rtdb.lp_awards (couple_id, award_id, payload, origin, event_time)
       values ('cleo_dora', 'by-hand', jsonb_build_object('sender', $2::text, 'couple', $1::text), 'backfill', '-infinity')`,
      values,
    );
    await proof.database.query(
      `insert into mirror.divergence_log
         (path, ref, shard, key, kind, cause, severity, detected_by, rtdb_value, detail)
       values
         ('steps', 'steps_data/' || $1, $1, null, 'invalid_payload', 'rejected', 'error', 'trigger', null, null),
         ('steps', 'steps_data/x_y', 'x_y', null, 'value_drift', 'unknown', 'warning', 'trigger', null,
           jsonb_build_object('erased', jsonb_build_array('daily_quests/' || $1 || '/2025-11-20'))),
         ('steps', 'steps_data/x_z', 'x_z', null, 'value_drift', 'unknown', 'warning', 'trigger',
           jsonb_build_object('truncated', true, 'head', '{"by": "' || $2::text || '", "n'), null),
         ('steps', 'steps_data/x_w', 'x_w', null, 'value_drift', 'unknown', 'warning', 'trigger', '"nobody"', null)`,
      values,
    );
    await proof.database.query(
      `insert into mirror.suspects (path, shard, key, looked_at) values ('steps', $1, '{}', now())`,
      [COUPLE],
    );
    await proof.database.query(
      `insert into mirror.backfills (status, finished_at, config, checkpoint, failed)
       values ('failed', now(), jsonb_build_object('paths', '[]'::jsonb, 'shards', jsonb_build_array($1::text, 'x_y')),
         jsonb_build_object('lp_awards', $1::text, 'steps_data', 'x_y'),
         jsonb_build_array(jsonb_build_object('node', 'steps_data', 'shard', $1::text, 'error', 'e')))`,
      [COUPLE],
    );
    await proof.database.query(`update mirror.listings set after_key = $1 where path = 'steps'`, [
      COUPLE,
    ]);
  };

  test('a dry run counts, and removes nothing', async () => {
    await copied();
    await fillBooks();
    await forgetInRtdb();
    const count = await rowCounts(proof.database);
    const { code, out } = await erase(IDA);
    expect(code).toBe(0);
    expect(out).toMatch(/^A dry run\. This would be removed, a partner's rows .*\n/);
    expect(out).toMatch(/ {2}rtdb\.lp_awards: \d+ rows of 1 shards; 1 rows of others that name/);
    expect(out).toMatch(/ {2}mirror\.divergence_log: 3\n/);
    expect(await rowCounts(proof.database)).toEqual(count);
    expect(await proof.database.query('select from mirror.erased')).toEqual([]);
  });

  test('no table of the copy and the books names the person any more; the others are untouched', async () => {
    await copied();
    await fillBooks();
    await forgetInRtdb();
    expect(await everyText(proof.database)).toContain(IDA);
    const { code, out } = await erase(IDA, '--write', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { written: true }]);
    const text = await everyText(proof.database);
    expect(text).not.toContain(IDA);
    expect(text).not.toContain(COUPLE);
    expect(text).toContain('nobody');
    for (const { name, ref } of PATHS) {
      const tree = before[ref.split('/')[0] ?? ''] as Tree | undefined;
      const others = Object.keys(tree ?? {}).filter((shard) => shard !== COUPLE);
      const kept = await proof.database.query<{ shard: string }>(
        `select distinct couple_id as shard from rtdb.${name} order by 1`,
      );
      expect(others).toEqual(
        expect.arrayContaining(kept.map(({ shard }) => shard).filter((s) => s !== 'cleo_dora')),
      );
    }
    expect(
      await proof.database.query(
        'select config, checkpoint, failed from mirror.backfills where status = $1',
        ['failed'],
      ),
    ).toEqual([
      { config: { paths: [], shards: ['x_y'] }, checkpoint: { steps_data: 'x_y' }, failed: [] },
    ]);
    // Again: there is nothing left.
    expect((await erase(IDA, '--write')).out).toBe('Removed:\n  nothing\n');
  });

  test("an app's id means all ids that RTDB has for it; of one of those the others are named", async () => {
    await proof.database.query(
      `insert into mirror.identities (rtdb_user_id, app_user_id)
       values ('phone-1', 'ann'), ('phone-2', 'ann'), ('phone-3', 'ben')`,
    );
    await proof.database.query(
      `insert into rtdb.steps (couple_id, date_key, origin, event_time)
       values ('phone-1_phone-3', '2025-11-20', 'rtdb', now()), ('phone-2_x', '2025-11-20', 'rtdb', now()),
         ('phone-3_x', '2025-11-20', 'rtdb', now())`,
    );
    const one = await erase('phone-1');
    expect(one.errors).toContain('RTDB knows this person by 1 more ids: --user ann means all');
    expect(one.out).toContain('rtdb.steps: 1 rows of 1 shards');
    await erase('ann', '--write');
    expect(await proof.database.query('select couple_id from rtdb.steps')).toEqual([
      { couple_id: 'phone-3_x' },
    ]);
    expect(await proof.database.query('select rtdb_user_id from mirror.identities')).toEqual([
      { rtdb_user_id: 'phone-3' },
    ]);
  });

  test.each(['ann', 'a.n', 'ann|x', 'an_', '%', 'a\\b', 'é_x', '"', "'"])(
    'the id %j takes nobody else along',
    async (id) => {
      const couples = [`${id}_ben`, `ben_${id}`, `x${id}_ben`, `ben_${id}x`, `${id}`, `b_${id}_c`];
      for (const couple of couples) {
        await proof.database.query(
          `insert into rtdb.steps (couple_id, date_key, origin, event_time, payload)
           values ($1, '2025-11-20', 'rtdb', now(), to_jsonb('of ' || $1::text))`,
          [couple],
        );
      }
      await erase(id, '--rtdb-keeps-it', '--write');
      const left = await proof.database.query<{ couple_id: string }>(
        'select couple_id from rtdb.steps',
      );
      expect(left.map(({ couple_id }) => couple_id).sort()).toEqual(
        // It neither begins nor ends it.
        [`x${id}_ben`, `ben_${id}x`, `b_${id}_c`].sort(),
      );
    },
  );

  test.each([
    'rtdb',
    'user',
    'couple',
    'payload',
    '2025-11-20',
    'daily',
    'steps_data',
    'completions',
    'e1',
  ])(
    'the id %j is not found in names of columns and trees, days, or what the mirror notes',
    async (id) => {
      await proof.database.query(
        `insert into rtdb.steps (couple_id, date_key, origin, event_id, event_time, payload)
       values ('ann_ben', '2025-11-20', 'rtdb', 'e1', now(), '{"a": 1}');
       insert into rtdb.quest_completions
         (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time)
       values ('ann_ben', '2025-11-20', 'q1', 'ann', 'ben', now(), 'true', 'rtdb', 'e1', now());
       insert into mirror.divergence_log (path, ref, shard, day, key, kind, cause, severity, detected_by)
       values
         ('quest_completions', 'daily_quests/ann_ben/2025-11-20/completions/q1/ann', 'ann_ben', '2025-11-20',
           '{"couple_id": "ann_ben", "date_key": "2025-11-20", "quest_id": "q1", "user_id": "ann"}',
           'value_mismatch', 'unknown', 'error', 'reconciler'),
         ('steps', 'steps_data/ann_ben/days/2025-11-20', 'ann_ben', '2025-11-20',
           '{"couple_id": "ann_ben", "date_key": "2025-11-20"}', 'value_mismatch', 'unknown', 'error', 'reconciler');
       insert into mirror.suspects (path, shard, key, looked_at)
       values ('steps', 'ann_ben', '{"couple_id": "ann_ben", "date_key": "2025-11-20"}', now())`,
      );
      await proof.database.query(`delete from rtdb.daily_quests`);
      expect((await erase(id, '--rtdb-keeps-it', '--write')).out).toBe('Removed:\n  nothing\n');
      // Nor is what comes later dropped.
      await proof.database.query('delete from mirror.divergence_log');
      const logged = await proof.database.query(
        `insert into mirror.divergence_log (path, ref, shard, day, key, kind, cause, severity, detected_by)
       values
         ('quest_completions', 'daily_quests/ann_ben/2025-11-20/completions/q1/ann', 'ann_ben', '2025-11-20', null,
           'value_mismatch', 'unknown', 'error', 'reconciler'),
         ('steps', 'steps_data/ann_ben/days/2025-11-20', 'ann_ben', '2025-11-20', null, 'value_mismatch', 'unknown', 'error',
           'reconciler')
       returning id`,
      );
      expect(logged).toHaveLength(2);
    },
  );

  test('a path whose ref begins with a day is erased and filled as others are', async () => {
    await proof.database.query(
      `create table rtdb.pulses (
         date_key date, user_id text collate "C", payload jsonb, origin text, event_id text,
         event_time timestamptz, deleted_at timestamptz, tie_settled boolean default false,
         mirrored_at timestamptz default clock_timestamp(), primary key (date_key, user_id)
       );
       select mirror.declare_path('pulses', 'pulses/{dateKey}/{userId}');
       insert into rtdb.pulses (date_key, user_id, payload, origin, event_time)
       values ('2025-11-20', 'ann', '1', 'rtdb', now()), ('2025-11-20', 'ben', '1', 'rtdb', now())`,
    );
    await erase('ann', '--rtdb-keeps-it', '--write');
    const filled = (user: string) =>
      proof.database.query(
        `select mirror.fill_rows('pulses', '2025-11-21', jsonb_build_array(jsonb_build_object(
           'row', jsonb_build_object('date_key', '2025-11-21', 'user_id', $1::text, 'payload', 1)
         )), '[]') as places`,
        [user],
      );
    expect(await filled('ann')).toEqual([{ places: [] }]);
    expect(await filled('ben')).toEqual([{ places: [0] }]);
    expect(await proof.database.query('select user_id from rtdb.pulses order by date_key')).toEqual(
      [{ user_id: 'ben' }, { user_id: 'ben' }],
    );
  });

  test.each([
    [['--user', '']],
    [['--user', 'canary']],
    [['--user', 'canary-partner', '--rtdb-keeps-it']],
    [['--user', 'x', '--write', '--dry-run']],
    [[]],
  ])('%j is exit 2', async (args) => {
    expect((await run('erase', ...args)).code).toBe(2);
  });
});

describe('what still comes for the person', () => {
  const events = (path: typeof questCompletions | typeof lpAwards) =>
    mirrorPathOn(path as typeof questCompletions, proof.database.url, () => null);
  const completion = (couple: string, user: string) =>
    `daily_quests/${couple}/${DATE}/completions/q1/${user}`;
  const nothing = async (...ids: string[]) => {
    const texts = (await everyText(proof.database)).split('\n');
    expect(texts.filter((text) => ids.some((id) => text.includes(id)))).toEqual([]);
  };

  beforeEach(async () => {
    await copied();
    expect((await erase(IDA, '--rtdb-keeps-it', '--write')).code).toBe(0);
  });

  test("is dropped: events of any kind, the partner's in that couple among them", async () => {
    const completions = events(questCompletions);
    const awards = events(lpAwards);
    try {
      for (const [under, event] of [
        [completions, writeOf({ id: 'e1', ref: completion(COUPLE, IDA) })],
        [completions, writeOf({ id: 'e2', ref: completion(COUPLE, NOA) })],
        // A leaf of hers in somebody else's couple.
        [completions, writeOf({ id: 'e3', ref: completion('cleo_dora', IDA) })],
        [
          completions,
          writeOf({ id: 'e4', ref: completion(COUPLE, IDA), before: true, after: null }),
        ],
        [awards, writeOf({ id: 'e5', ref: `lp_awards/${COUPLE}/a1`, after: { amount: 1 } })],
      ] as const) {
        expect(await under.mirror(event)).toEqual({ outcome: 'erased' });
      }
      // What is refused leaves no row of the log, either.
      const odd = writeOf({ id: 'e6', ref: completion(COUPLE, IDA), after: 'odd' });
      expect(await completions.mirror(odd)).toMatchObject({ outcome: 'rejected' });
      const other = writeOf({ id: 'e7', ref: completion('cleo_dora', 'cleo') });
      expect(await completions.mirror(other)).toMatchObject({ outcome: 'applied' });
      const foreign = writeOf({ id: 'e8', ref: completion('cleo_dora', 'zoe'), after: 'odd' });
      expect(await completions.mirror(foreign)).toMatchObject({ outcome: 'rejected' });
      await nothing(IDA, COUPLE);
      const logged = await proof.database.query(
        `select kind from mirror.divergence_log where shard = 'cleo_dora'`,
      );
      expect(logged).toEqual([{ kind: 'invalid_payload' }]);
    } finally {
      await Promise.all([completions.store.close(), awards.store.close()]);
    }
  });

  test('is left out: a line of an import of identities', async () => {
    const csv = join(mkdtempSync(join(tmpdir(), 'identities-')), 'identities.csv');
    writeFileSync(csv, `rtdb_user_id,app_user_id\n${IDA},app-ida\nother-phone,app-other\n`);
    const { code, out } = await run('identities', 'import', csv, '--write');
    expect([code, out]).toEqual([
      0,
      'Written: 1 added, 0 changed, 0 unchanged, 1 left out, since they were erased.\n',
    ]);
    await nothing(IDA, 'app-ida');
  });

  test('is dropped: claims', async () => {
    const claimed = (user: string) =>
      proof.database.query(
        `select mirror.claim_by_client($1, $2, 'q1', $3, null, now(), '1s') as verdict`,
        [COUPLE, DATE, user],
      );
    expect(await claimed(IDA)).toEqual([{ verdict: 'erased' }]);
    expect(await claimed(NOA)).toEqual([{ verdict: 'erased' }]);
    await nothing(IDA, COUPLE);
  });

  test('is dropped: backfill, repair and readings, though RTDB holds it', async () => {
    expect((await run('backfill')).code).toBe(0);
    expect((await run('backfill', '--couple', COUPLE)).code).toBe(0);
    const dry = JSON.parse((await run('repair', '--json')).out);
    expect(dry.differences).toEqual([]);
    await proof.database.query('update mirror.listings set listed_at = null');
    const { failures } = await proof.work();
    expect(failures).toEqual([]);
    expect((await run('reconcile', '--couple', COUPLE)).code).toBe(0);
    const award = Object.keys((before.lp_awards as Record<string, object>)[COUPLE] ?? {})[0];
    expect((await run('explain', `lp_awards/${COUPLE}/${award}`)).out).toMatch(
      /^Its key holds the id of somebody who was erased/,
    );
    const { code, out } = await run('report', '--couple', 'cleo_dora', '--json');
    expect([code, out]).not.toContain(IDA);
    await proof.database.query(
      `delete from mirror.backfills where config ->> 'shards' is not null`,
    );
    await nothing(IDA, COUPLE);
    // And of the others everything is still known.
    const [known] = await proof.database.query<{ shards: number }>(
      'select count(*)::integer as shards from mirror.readings where read_at is not null',
    );
    expect(known?.shards).toBeGreaterThan(5);
  });

  test('comes again after 30 days; with --for-good it does not', async () => {
    const completions = events(questCompletions);
    const arrives = (id: string) =>
      completions.mirror(writeOf({ id, ref: completion(COUPLE, IDA) }));
    try {
      await clockPast(29);
      expect((await run('purge')).out).toContain('0 hashes of erased ids');
      expect(await arrives('e1')).toEqual({ outcome: 'erased' });
      await erase(IDA, '--rtdb-keeps-it', '--for-good', '--write');
      await clockPast(31);
      expect(await arrives('e2')).toEqual({ outcome: 'erased' });
      // A later erasure that isn't for good leaves it so.
      await erase(IDA, '--rtdb-keeps-it', '--write');
      await clockPast(31);
      expect(await arrives('e3')).toEqual({ outcome: 'erased' });
      await proof.database.query(`update mirror.erased set until = now() - interval '1 second'`);
      expect(await arrives('e4')).toMatchObject({ outcome: 'applied' });
      expect((await run('purge', '--dry-run')).out).toContain('1 hashes of erased ids');
      await run('purge');
      expect(await proof.database.query('select from mirror.erased')).toEqual([]);
    } finally {
      await completions.store.close();
    }
  });
});
