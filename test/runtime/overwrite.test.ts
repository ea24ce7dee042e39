import {
  type CompletionWrite,
  completionEvent,
  type JsonValue,
  send,
} from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions, type DivergenceRow, divergences } from '../support/mirror-tables';
import { type RtdbStub, startRtdbStub } from '../support/rtdb-stub';
import { type Runtime, startRuntime } from '../support/runtime';

let database: TestDatabase;
let rtdb: RtdbStub;
let runtime: Runtime;
let coupleId: string;
let couples = 0;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startRtdbStub()]);
  runtime = await startRuntime({ databaseUrl: database.url, rtdbHost: rtdb.host });
});

afterAll(async () => {
  await runtime?.stop();
  await rtdb?.stop();
  await database?.drop();
});

beforeEach(() => {
  couples += 1;
  coupleId = `ann_zed${couples}`;
});

const MADE_AT = '2025-11-19T12:00:00.000000Z';
const ERASED_AT = '2025-11-19T12:30:00.000000Z';

async function deliver(write: CompletionWrite): Promise<void> {
  const event = completionEvent({ coupleId, userId: 'ann', time: MADE_AT, ...write });
  await expect(send(runtime.url, event)).resolves.toBe(204);
}

const make = (questId: string, more: CompletionWrite = {}) => deliver({ questId, ...more });
const erase = (questId: string, more: CompletionWrite = {}) =>
  deliver({ questId, before: true, after: null, time: ERASED_AT, ...more });

/** What RTDB holds of the day once the write that erased is done. */
const holdDay = (day: JsonValue) => rtdb.hold(`daily_quests/${coupleId}/2025-11-19`, day);

async function overwrites(): Promise<DivergenceRow[]> {
  const logged = await divergences(database, coupleId);
  expect(logged.map((row) => row.kind)).toEqual(logged.map(() => 'ancestor_overwrite'));
  expect(logged.map((row) => row.cause)).toEqual(logged.map(() => 'ancestor_overwrite'));
  return logged;
}

async function expectTombstones(questIds: string[]): Promise<void> {
  const rows = await completions(database, coupleId);
  const gone = rows.filter((row) => row.deleted_at === ERASED_AT);
  expect(gone.map((row) => row.quest_id)).toEqual(questIds);
}

test('one user deleting one completion is no overwrite', async () => {
  await make('quest_1');
  await make('quest_2', { userId: `zed${couples}` });
  holdDay({ quests: [{ id: 'quest_1' }, { id: 'quest_2' }], generatedAt: Date.parse(MADE_AT) - 1 });
  await erase('quest_1', { authtype: 'app_user', authid: 'ann' });
  await expectTombstones(['quest_1']);
  await expect(overwrites()).resolves.toEqual([]);
});

test('leaves erased by one write, with none left, tell of an overwrite', async () => {
  const quests = ['quest_1', 'quest_2', 'quest_3'];
  for (const questId of quests) await make(questId);
  for (const questId of quests) await erase(questId);
  await expectTombstones(quests);
  const logged = await overwrites();
  expect(logged.map((row) => row.key?.quest_id)).toEqual(quests);
  expect(logged.map((row) => row.severity)).toEqual(['warning', 'warning', 'warning']);
});

test('the siblings are found when their events arrive all at once, too', async () => {
  const quests = Array.from({ length: 12 }, (_, index) => `quest_${index + 10}`);
  await Promise.all(quests.map((questId) => make(questId)));
  await Promise.all(quests.map((questId) => erase(questId)));
  await expectTombstones(quests);
  const logged = await overwrites();
  expect(logged.map((row) => row.key?.quest_id)).toEqual(quests);
});

test('a user deleting two completions while others stay is no overwrite', async () => {
  for (const questId of ['quest_1', 'quest_2', 'quest_3']) await make(questId);
  holdDay({ completions: { quest_3: { ann: true } } });
  await erase('quest_1');
  await erase('quest_2');
  await expect(overwrites()).resolves.toEqual([]);
});

test('a day generated after the completion was made tells of an overwrite', async () => {
  await make('quest_1');
  holdDay({ generatedAt: Date.parse(ERASED_AT), quests: [{ id: 'quest_1' }] });
  await erase('quest_1');
  await expect(overwrites()).resolves.toEqual([
    expect.objectContaining({
      key: expect.objectContaining({ quest_id: 'quest_1' }),
      severity: 'warning',
      postgres_value: true,
      detail: expect.objectContaining({ evidence: ['day_regenerated'] }),
    }),
  ]);
});

test('a day that no longer lists the quest tells of an overwrite', async () => {
  await make('quest_1');
  holdDay({ quests: [{ id: 'quest_of_the_other_phone' }] });
  await erase('quest_1');
  const [row] = await overwrites();
  expect(row?.detail.evidence).toEqual(['quest_replaced']);
});

test('a deletion by the partner, who may not touch the leaf, tells of an overwrite', async () => {
  await make('quest_1');
  holdDay({ quests: [{ id: 'quest_1' }] });
  await erase('quest_1', { authtype: 'app_user', authid: `zed${couples}` });
  const [row] = await overwrites();
  expect(row?.detail).toMatchObject({ evidence: ['partner_wrote'], auth_id: `zed${couples}` });
});

test('writing false is a user\u2019s own doing, never an overwrite', async () => {
  await make('quest_1');
  await make('quest_2');
  await erase('quest_1', { after: false });
  await erase('quest_2', { after: false });
  await expectTombstones(['quest_1', 'quest_2']);
  await expect(overwrites()).resolves.toEqual([]);
});

test('a redelivered deletion is not a second overwrite', async () => {
  await make('quest_1');
  holdDay({ quests: [{ id: 'another' }] });
  await erase('quest_1', { id: `erase-${couples}` });
  await erase('quest_1', { id: `erase-${couples}` });
  const logged = await overwrites();
  expect(logged.map((row) => row.times_seen)).toEqual([1]);
});

test('a deletion is mirrored in time although RTDB does not answer', async () => {
  await make('quest_1');
  rtdb.mode = 'hangs';
  const startedAt = Date.now();
  await erase('quest_1', { authtype: 'app_user', authid: `zed${couples}` });
  expect(Date.now() - startedAt).toBeLessThan(5_000);
  await expectTombstones(['quest_1']);
  const [row] = await overwrites();
  expect(row?.detail.evidence).toEqual(['partner_wrote']);
});
