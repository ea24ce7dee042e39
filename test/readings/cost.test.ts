import { PATHS } from '../../functions/src/app-paths';
import { costOfReadings } from '../../functions/src/cli/doctor/cost';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { dollarsOf, formatCost, hourlyBytes } from '../../functions/src/readings/reading-cost';
import { startProof, type TestProof } from './support/proof';

let proof: TestProof;

beforeAll(async () => {
  proof = await startProof();
});

afterAll(() => proof.stop());

const DAY_MS = 24 * 60 * 60 * 1000;
const day = (back: number) => new Date(Date.now() - back * DAY_MS).toISOString().slice(0, 10);
const quests = [{ id: 'q1', questType: 1, contentId: 'c1', sortOrder: 0, isSideQuest: false }];

/** As of more than 10,000 shards. */
const longTimes = { ...PROOF_TIMES, everyMs: 20 * 3_600_000 };

const costs = (times = PROOF_TIMES) => {
  const database = {
    origin: `http://${proof.rtdb.standin.address}`,
    namespace: NAME,
    instance: NAME,
  };
  const rtdb = { database, accessToken: async () => 'owner' };
  const { statements } = proof.database;
  return costOfReadings({ statements, rtdb, paths: PATHS, times });
};
const NAME = 'demo-quests-default-rtdb';

test('without a shard there is nothing to reckon with', async () => {
  const report = await costs();
  expect(report.nodes).toEqual([]);
  expect(formatCost(report)).toContain('No shard is known yet');
});

test('a whole reading is measured by the days it covers, a touched one by a day, a full one by all', async () => {
  const days = Array.from({ length: 40 }, (_, n) => [day(n), { generatedAt: 1, quests }]);
  for (const couple of ['a_b', 'c_d']) {
    await proof.rtdb.rest.set(['daily_quests', couple], Object.fromEntries(days));
  }
  await proof.work();
  const before = await proof.database.query('select * from mirror.readings order by path, shard');
  const report = await costs();
  expect(report.nodes).toMatchObject([
    { paths: ['quest_completions', 'daily_quests'], shards: 2, sampled: 2, everyHours: 1 },
  ]);
  const [node] = report.nodes;
  const { whole = 0, touched = 0, full = 0, listed = 0 } = node ?? {};
  expect(whole).toBeGreaterThan(touched);
  // Forty days against eight, and their heads.
  expect(full).toBeGreaterThan(whole * 2);
  expect(listed).toBeGreaterThan(0);
  expect(report.cheaper.map(({ setting }) => setting)).toContain('RECONCILE_HOURS=20');
  // Two days are looked at every hour, all of them once in a month.
  expect(report.fullShare).toBeLessThan(0.1);
  expect(formatCost(report)).not.toContain('Full readings are');
  const after = await proof.database.query('select * from mirror.readings order by path, shard');
  expect(after).toEqual(before);
});

test('ten thousand shards and one are read every twenty hours, and the listing every six', () => {
  const each = {
    touchedShare: 0,
    listed: 60,
    whole: 6_000,
    touched: 1_000,
    full: 0,
    isDated: true,
  };
  const few = hourlyBytes({ ...each, shards: 1_000 }, PROOF_TIMES);
  const many = hourlyBytes({ ...each, shards: 20_000 }, PROOF_TIMES);
  expect(few).toMatchObject({ whole: 6_000_000, listing: 60_000 });
  expect(many).toMatchObject({ whole: 6_000_000, listing: 200_000 });
  expect(hourlyBytes({ ...each, shards: 20_000, touchedShare: 0.05 }, PROOF_TIMES).touched).toBe(
    1_000_000,
  );
});

test('where full readings cost most, the daily backup is named as their source', async () => {
  const report = { ...(await costs()), fullShare: 0.512 };
  expect(formatCost(report)).toContain(
    "Full readings are 51% of it: take them from RTDB's own daily backup.",
  );
});

test('a backup is offered where full readings cost something', async () => {
  const year = Array.from({ length: 1_500 }, (_, n) => [day(n), { generatedAt: 1, quests }]);
  await proof.rtdb.rest.set(['daily_quests', 'e_f'], Object.fromEntries(year));
  await proof.work();
  const report = await costs(longTimes);
  expect(report.fullShare).toBeGreaterThan(0.05);
  const [backup] = report.cheaper;
  expect(backup?.setting).toBe('mirror reconcile --backup FILE, every 6 days');
});

test('the first ten gigabytes of a month are free', () => {
  expect(dollarsOf(9)).toBe(0);
  expect(dollarsOf(30)).toBe(20);
});
