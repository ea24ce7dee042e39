import { createHash } from 'node:crypto';
import { type CompletionWrite, completionEvent, refOf, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions, divergences } from '../support/mirror-tables';
import { type RtdbStub, startRtdbStub } from '../support/rtdb-stub';
import { type OutcomeLine, type Runtime, startRuntime } from '../support/runtime';

let database: TestDatabase;
let rtdb: RtdbStub;
let runtime: Runtime;
let leaf: { coupleId: string; userId: string };
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
  leaf = { coupleId: `ann${couples}_zed`, userId: `ann${couples}` };
  rtdb.mode = 'answers';
});

const at = (seconds: number) => `2025-11-19T12:00:${String(seconds).padStart(2, '0')}.000000Z`;

/** Delivers one write of the test's leaf, which must be acknowledged; answers its log line. */
async function deliver(write: CompletionWrite): Promise<OutcomeLine> {
  const event = completionEvent({ ...leaf, ...write });
  await expect(send(runtime.url, event)).resolves.toBe(204);
  return runtime.outcomeOf(String(event.id));
}

const row = async () => (await completions(database, leaf.coupleId))[0];
const logged = () => divergences(database, leaf.coupleId);

test('a completion is applied, then changed, then deleted, each by a newer event', async () => {
  await deliver({ after: true, time: at(1), id: 'made' });
  await expect(row()).resolves.toMatchObject({ payload: true, event_id: 'made' });
  const changed = { completedAt: 1763553600000, score: 5 };
  await deliver({ before: true, after: changed, time: at(2), id: 'changed' });
  await expect(row()).resolves.toMatchObject({ payload: changed, event_id: 'changed' });
  await deliver({ before: changed, after: null, time: at(3), id: 'gone' });
  await expect(row()).resolves.toMatchObject({
    payload: null,
    event_id: 'gone',
    deleted_at: at(3),
    completed_at: at(0),
  });
  await expect(logged()).resolves.toEqual([]);
});

test('each event leaves one structured line with its outcome, id and the hash of its ref', async () => {
  const line = await deliver({ time: at(1), id: `line-${couples}` });
  const hash = createHash('sha256').update(refOf(leaf)).digest('hex').slice(0, 16);
  expect(line).toMatchObject({ outcome: 'applied', ref_hash: hash, severity: 'INFO' });
  expect(runtime.outcomes().filter((each) => each.event_id === line.event_id)).toHaveLength(1);
});

test('a redelivery is a duplicate and changes nothing', async () => {
  const write = { time: at(1), id: `twice-${couples}` };
  await deliver(write);
  const before = await row();
  const event = completionEvent({ ...leaf, ...write });
  await expect(send(runtime.url, event)).resolves.toBe(204);
  await expect(row()).resolves.toEqual(before);
  await expect(logged()).resolves.toEqual([]);
});

test('a stale event leaves the newer row, and tells how late it was', async () => {
  await deliver({ before: { completedAt: 1 }, after: true, time: at(30), id: 'new' });
  const line = await deliver({ after: { completedAt: 1 }, time: at(10), id: `stale-${couples}` });
  expect(line.outcome).toBe('stale');
  await expect(row()).resolves.toMatchObject({ payload: true, event_id: 'new' });
  await expect(logged()).resolves.toContainEqual(
    expect.objectContaining({
      kind: 'out_of_order',
      cause: 'race',
      severity: 'info',
      event_id: line.event_id,
      detail: expect.objectContaining({ behind_ms: 20_000, row_event_id: 'new' }),
    }),
  );
});

test('a late older write does not bring a deleted completion back', async () => {
  await deliver({ before: true, after: null, time: at(30), id: 'gone' });
  const line = await deliver({ after: true, time: at(10), id: `zombie-${couples}` });
  expect(line.outcome).toBe('stale');
  await expect(row()).resolves.toMatchObject({ payload: null, deleted_at: at(30) });
});

test('two events of one instant that disagree are settled by what RTDB holds', async () => {
  rtdb.hold(refOf(leaf), { completedAt: 1763553600000, winner: true });
  await deliver({ after: true, time: at(1), id: 'one' });
  const line = await deliver({ before: true, after: null, time: at(1), id: `tie-${couples}` });
  expect(line.outcome).toBe('tied');
  expect(rtdb.reads).toContain(refOf(leaf));
  await expect(row()).resolves.toMatchObject({
    payload: { completedAt: 1763553600000, winner: true },
    deleted_at: null,
  });
});

test('a tie in which RTDB holds nothing ends in a tombstone', async () => {
  await deliver({ before: true, after: null, time: at(1), id: 'one' });
  const line = await deliver({ after: true, time: at(1), id: `tie-${couples}` });
  expect(line.outcome).toBe('tied');
  await expect(row()).resolves.toMatchObject({ payload: null, deleted_at: at(1) });
});

test('two events of one instant that agree need no reading', async () => {
  await deliver({ after: true, time: at(1), id: 'one' });
  const line = await deliver({ after: true, time: at(1), id: `same-${couples}` });
  expect(line.outcome).toBe('duplicate');
  expect(rtdb.reads).not.toContain(refOf(leaf));
});

test('a tie waits for a redelivery while RTDB can not be read', async () => {
  await deliver({ after: true, time: at(1), id: 'one' });
  const event = completionEvent({ ...leaf, before: true, after: null, time: at(1), id: 'two' });
  rtdb.mode = 'refuses';
  await expect(send(runtime.url, event)).resolves.toBe(500);
  await expect(row()).resolves.toMatchObject({ payload: true, event_id: 'one' });
  rtdb.mode = 'answers';
  await expect(send(runtime.url, event)).resolves.toBe(204);
  await expect(row()).resolves.toMatchObject({ payload: null, event_id: 'two' });
});

test('a write that began from another state than the row shows reveals a missed event', async () => {
  await deliver({ after: true, time: at(1), id: 'first' });
  const before = { completedAt: 1763553600000 };
  const line = await deliver({ before, after: null, time: at(9), id: `third-${couples}` });
  expect(line).toMatchObject({ outcome: 'applied', severity: 'WARNING' });
  await expect(logged()).resolves.toEqual([
    expect.objectContaining({
      kind: 'missed_event',
      cause: 'unknown',
      severity: 'warning',
      rtdb_value: before,
      postgres_value: true,
      resolved: false,
      detail: expect.objectContaining({ row_event_id: 'first' }),
    }),
  ]);

  await deliver({ before: true, after: before, time: at(5), id: `second-${couples}` });
  await expect(row()).resolves.toMatchObject({ payload: null, deleted_at: at(9) });
  await expect(logged()).resolves.toContainEqual(
    expect.objectContaining({ kind: 'missed_event', cause: 'race', resolved: true }),
  );
});

test('the first event of a leaf that existed already tells of the time before mirroring', async () => {
  await deliver({ before: true, after: { completedAt: 1763553600000 }, time: at(1) });
  const expected = { kind: 'missed_event', cause: 'before_mirroring', severity: 'info' };
  await expect(logged()).resolves.toEqual([expect.objectContaining(expected)]);
});

test('the same quest, day and user of two couples are two rows', async () => {
  await deliver({ coupleId: 'abe_sam', userId: 'sam', time: at(1) });
  await deliver({ coupleId: 'ann_sam', userId: 'sam', time: at(2) });
  const rows = [
    ...(await completions(database, 'abe_sam')),
    ...(await completions(database, 'ann_sam')),
  ];
  expect(rows.map((each) => each.partner_id)).toEqual(['abe', 'ann']);
});
