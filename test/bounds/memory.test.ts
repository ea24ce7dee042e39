import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type CloudEvent, completionEvent, type JsonValue, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions } from '../support/mirror-tables';
import { type RtdbStub, startRtdbStub } from '../support/rtdb-stub';
import { type Runtime, startRuntime } from '../support/runtime';

/** An instance has 256 MiB. */
const MAX_MB = 235;
const MAX_MB_ABOVE_HARMLESS = 40;
/** Parsed, tens of thousands of fields take a multiple of their text. */
const MAX_MB_OF_FIELDS_ABOVE_HARMLESS = 75;
const EVENTS = 80;

let database: TestDatabase;
let rtdb: RtdbStub;
let runtime: Runtime | undefined;
let harmlessMb: number;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startRtdbStub()]);
  harmlessMb = await peakOf('harmless', () => true);
}, 60_000);

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
});

afterAll(async () => {
  await runtime?.stop();
  await rtdb?.stop();
  await database?.drop();
});

/** The most memory that the instance ever had, in MB. */
function peakMb({ pid }: Runtime): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function start(): Promise<Runtime> {
  await runtime?.stop();
  runtime = await startRuntime({ databaseUrl: database.url, rtdbHost: rtdb.host });
  return runtime;
}

async function deliver({ url }: Runtime, events: CloudEvent[]): Promise<void> {
  const statuses = await Promise.all(events.map((event) => send(url, event)));
  expect(statuses.filter((status) => status !== 204)).toEqual([]);
}

/** What an instance takes for overwrites of as many leaves, all delivered at once. */
async function peakOf(coupleId: string, value: () => JsonValue, count = EVENTS): Promise<number> {
  const instance = await start();
  const [before, after] = [value(), value()];
  const events = Array.from({ length: count }, (_, n) =>
    completionEvent({
      coupleId: `${coupleId}_a`,
      userId: 'a',
      questId: `q${n}`,
      before,
      after,
    }),
  );
  await deliver(instance, events);
  expect(await completions(database, `${coupleId}_a`)).toHaveLength(count);
  return peakMb(instance);
}

const text = (bytes: number) => randomBytes(bytes / 2).toString('hex');

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('memory of an instance', () => {
  test('80 events of 0.45 MB before and after cost little more than harmless ones', async () => {
    const notes = () => Array.from({ length: 100 }, (_, n) => [`note${n}`, text(4_500)]);
    const value = () => ({ completedAt: 1_763_550_000_000, ...Object.fromEntries(notes()) });
    const mb = await peakOf('large', value);
    expect(mb).toBeLessThan(MAX_MB);
    expect(mb - harmlessMb).toBeLessThan(MAX_MB_ABOVE_HARMLESS);
  }, 60_000);

  test('events of 60,000 numbers before and after cost little more, too', async () => {
    const numbers = Array.from({ length: 60_000 }, (_, n) => n);
    const mb = await peakOf('list', () => ({ completedAt: 1_763_550_000_000, numbers }), 24);
    expect(mb - harmlessMb).toBeLessThan(MAX_MB_OF_FIELDS_ABOVE_HARMLESS);
  }, 60_000);

  test('deletions in a day of 9 MB, one after the other, cost little more than harmless ones', async () => {
    const coupleId = 'day_a';
    const quests = Array.from({ length: 9_000 }, (_, n) => ({ id: `q${n}`, text: text(1_000) }));
    rtdb.hold(`daily_quests/${coupleId}/2025-11-19`, {
      quests,
      progression: text(1_000),
      completions: { q0: { day: true } },
    });
    await fetch(`http://${rtdb.host}/daily_quests/${coupleId}/2025-11-19.json`);
    const instance = await start();
    for (let n = 0; n < 25; n += 1) {
      const time = new Date(Date.UTC(2025, 10, 19, 13, 0, n)).toISOString();
      const leaf = { coupleId, userId: 'a', questId: `q${n}`, authtype: 'app_user', authid: 'day' };
      await deliver(instance, [completionEvent({ ...leaf, before: true, after: null, time })]);
    }
    expect(peakMb(instance)).toBeLessThan(MAX_MB);
    expect(peakMb(instance) - harmlessMb).toBeLessThan(MAX_MB_ABOVE_HARMLESS);
    // What can be told is told, though the list of quests is too long to be read.
    const told = await database.query<{ evidence: string[] }>(
      `select distinct detail -> 'evidence' as evidence from mirror.divergence_log
       where kind = 'ancestor_overwrite' and shard = $1`,
      [coupleId],
    );
    expect(told).toEqual([{ evidence: ['partner_wrote'] }]);
  });
});
