/**
 * The guarantee: never Ready when a judge who knows everything says no, and Ready in bounded time when he says yes.
 * Worlds are played from fixed seeds under the gate's real judgement.
 */
import { judge, ratesOf, type Verdict } from '../../functions/src/gate/gate';
import { plainRate } from '../../functions/src/gate/rate';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { evidenceOf, truthOf } from './support/model-evidence';
import { ModelWorld, type Scenario } from './support/model-world';

const THRESHOLD = 0.99;
/** What a rate of a few thousand keys can't tell apart, and one couple decides nothing. */
const MARGIN = 0.003;

const scenario = (of: Partial<Scenario> = {}): Scenario => ({
  ...{ couples: 60, hours: 57, sessions: 1.5, burst: 2, past: 20, everyHours: 1, maxAgeHours: 2 },
  ...{ asks: [26, 32, 38, 44, 50, 56], readyBy: 25.5, updates: 0, deletes: 0, claims: 0 },
  ...{ signUpsADay: 0, hotKeys: 0, onAt: null, slow: 0.003 },
  loses: () => false,
  cannotRead: () => false,
  setUp: () => {},
  ...of,
});

const everyTime = (world: ModelWorld, from: number, step: number, act: () => void) => {
  for (let time = from; time < world.scenario.hours; time += step) world.at(time, act);
};

interface Asked {
  at: number;
  verdict: Verdict;
  reasons: string[];
  isWrongPass: boolean;
  isWrongFail: boolean;
  isNeedlesslyUnsure: boolean;
}

function play(of: Scenario, seed: number): Asked[] {
  const asked: Asked[] = [];
  new ModelWorld(of, seed).run((world) => {
    const evidence = evidenceOf(world);
    const settings = { threshold: THRESHOLD, maxAgeMs: of.maxAgeHours * 3_600_000 };
    const { verdict, paths } = judge([ratesOf(evidence, PROOF_TIMES)], settings);
    const verified = evidence.verifiedTo === null ? 0 : hoursOf(evidence.verifiedTo);
    const now = truthOf(world, world.now);
    const then = truthOf(world, verified > 0 ? verified : world.now);
    const twoDays = truthOf(world, world.now, 48);
    const wasOnForAll =
      world.isOn &&
      world.percent >= 1 &&
      !world.gaps.some(({ to }) => to === null || to > world.now - 24);
    const low = (truth: { mirror: number; mirrorWithoutWorst: number }) =>
      Math.max(truth.mirror, truth.mirrorWithoutWorst) < THRESHOLD - MARGIN;
    const isBad =
      Math.max(now.copy, now.copyWithoutWorst) < THRESHOLD - MARGIN ||
      (low(now) && low(then) && now.written >= 50);
    const isGood =
      [now, then, twoDays].every(({ mirror }) => mirror >= THRESHOLD + MARGIN) &&
      now.copy >= THRESHOLD + MARGIN;
    asked.push({
      at: world.now,
      verdict,
      reasons: paths.flatMap(({ reasons }) => reasons.map(({ code }) => code)),
      isWrongPass: verdict === 'ready' && (isBad || !wasOnForAll),
      isWrongFail: verdict === 'not_ready' && isGood && wasOnForAll,
      isNeedlesslyUnsure:
        verdict === 'cannot_tell' && isGood && wasOnForAll && world.now >= of.readyBy,
    });
  });
  return asked;
}

function hoursOf(instant: string): number {
  return (Date.parse(instant) - Date.parse('2026-11-20T00:00:00Z')) / 3_600_000;
}

const loses =
  (chance: number): Scenario['loses'] =>
  (world) =>
    world.random() < chance;
const losesWrites =
  (chance: number): Scenario['loses'] =>
  (world, key) =>
    key !== null && world.random() < chance;

const GOOD: [string, Partial<Scenario>][] = [
  ['nothing is lost', {}],
  ['one event in 500 is lost', { loses: loses(0.002) }],
  [
    'users who sign up, change, delete and claim',
    { signUpsADay: 20, updates: 0.3, deletes: 0.1, claims: 0.3 },
  ],
  ['three keys written again and again', { couples: 30, hotKeys: 2, sessions: 100, burst: 3 }],
  ['one couple can’t be read', { cannotRead: ({ n }) => n === 7 }],
  ['few couples', { couples: 20, sessions: 0.8 }],
  [
    'couples read each 20 hours',
    { couples: 80, everyHours: 20, maxAgeHours: 24, hours: 110, asks: [80, 86, 92, 98, 104] },
  ],
  [
    'a bad evening, repaired three days later',
    {
      hours: 100,
      asks: [92, 94, 96, 98],
      loses: (world, key) =>
        key !== null && world.now > 20 && world.now < 24 && world.random() < 0.8,
      setUp: (world) => world.at(90, () => world.repair()),
    },
  ],
  [
    'an outage of an hour, and a sweep after it',
    {
      asks: [29, 34, 38, 44, 56],
      setUp: (world) => {
        world.at(30, () => {
          world.outage.isOn = true;
        });
        world.at(31, () => {
          world.outage.isOn = false;
        });
      },
    },
  ],
  [
    'the flag off for three hours, filled and read',
    {
      hours: 90,
      asks: [32, 40, 57.6, 60, 66, 80],
      readyBy: 57.5,
      setUp: (world) => {
        world.at(30, () => world.setFlag(false));
        world.at(33, () => world.setFlag(true));
        world.at(33.6, () => world.backfill());
      },
    },
  ],
  [
    'a first deploy',
    {
      hours: 60,
      onAt: 2,
      asks: [5, 10, 20, 25, 28, 30, 40, 50],
      readyBy: 27.2,
      setUp: (world) => world.at(3, () => world.backfill()),
    },
  ],
  [
    'a TRUNCATE, filled',
    {
      hours: 90,
      past: 60,
      asks: [30.05, 34, 50, 60, 66, 80],
      readyBy: 56,
      setUp: (world) => {
        world.at(30, () => world.truncate());
        world.at(31.5, () => world.backfill());
      },
    },
  ],
];

const BAD: [string, Partial<Scenario>][] = [
  ['5% are lost', { loses: loses(0.05) }],
  ['1.5% are lost', { couples: 200, loses: loses(0.018) }],
  [
    '5% are lost, and repaired every six hours',
    { loses: losesWrites(0.05), setUp: (world) => everyTime(world, 1.3, 6, () => world.repair()) },
  ],
  [
    '5% are lost, and filled every six hours',
    {
      loses: losesWrites(0.05),
      setUp: (world) => everyTime(world, 1.3, 6, () => world.backfill()),
    },
  ],
  [
    'only deletions are lost',
    {
      deletes: 0.3,
      loses: (world, _, operation) => operation === 'delete' && world.random() < 0.3,
    },
  ],
  [
    'only updates are lost, in a large copy',
    {
      updates: 0.6,
      past: 300,
      loses: (world, _, operation) => operation === 'update' && world.random() < 0.3,
    },
  ],
  ['what claims bring is lost by the mirror', { claims: 1, loses: losesWrites(0.05) }],
  [
    'an hour in which most is lost',
    { loses: (world) => world.now > 34 && world.now < 35 && world.random() < 0.9 },
  ],
  [
    'two couples lose all',
    {
      couples: 25,
      sessions: 2,
      loses: (_, key) => key !== null && (key.couple.n === 3 || key.couple.n === 4),
    },
  ],
  [
    'couples that sign up lose all',
    { signUpsADay: 80, loses: (_, key) => key !== null && key.couple.bornAt > 0 },
  ],
  [
    'couples that sign up days after a gap lose all',
    {
      hours: 90,
      asks: [60, 66, 72, 80],
      signUpsADay: 80,
      loses: (_, key) => key !== null && key.couple.bornAt > 40,
      setUp: (world) => {
        world.at(5, () => world.setFlag(false));
        world.at(6, () => world.setFlag(true));
      },
    },
  ],
  ['hot keys hide nothing', { hotKeys: 3, sessions: 6, loses: losesWrites(0.05) }],
  [
    'rows removed by hand',
    {
      past: 60,
      hours: 40,
      asks: [30.05, 31, 34],
      setUp: (world) =>
        world.at(30, () => {
          for (const couple of world.couples) {
            for (const key of world.keysOf(couple))
              if (key.row && world.random() < 0.05) world.removeByHand(key);
          }
        }),
    },
  ],
  [
    'the flag off for a while',
    {
      hours: 60,
      asks: [31, 34, 40, 50, 56],
      setUp: (world) => {
        world.at(30, () => world.setFlag(false));
        world.at(33, () => world.setFlag(true));
      },
    },
  ],
  [
    'a fifth of the couples is on',
    {
      hours: 80,
      onAt: 1,
      asks: [20, 30, 40, 55, 60],
      setUp: (world) => {
        world.at(1.01, () => world.setFlag(true, 0.2));
        world.at(40, () => world.setFlag(true));
      },
    },
  ],
  [
    'accounts removed, their events lost',
    {
      hours: 40,
      asks: [20, 26, 32],
      setUp: (world) =>
        world.at(10, () => {
          for (const couple of world.couples.filter(({ n }) => n % 12 === 0)) {
            couple.isIdle = true;
            for (const key of world.keysOf(couple)) key.rtdb = undefined;
          }
        }),
    },
  ],
  [
    'the reader is down',
    {
      setUp: (world) =>
        world.at(30, () => {
          world.isReaderDown = true;
        }),
      loses: (world) => world.now > 31 && world.random() < 0.2,
    },
  ],
];

const SEEDS = [7919, 15838];

test.each(GOOD)('a mirror that is good: %s', (_name, of) => {
  for (const seed of SEEDS) {
    for (const asked of play(scenario(of), seed)) {
      expect(asked).toMatchObject({
        isWrongPass: false,
        isWrongFail: false,
        isNeedlesslyUnsure: false,
      });
    }
  }
});

test.each(BAD)('a mirror that isn’t: %s', (_name, of) => {
  const all = SEEDS.flatMap((seed) => play(scenario(of), seed));
  for (const asked of all) expect(asked).toMatchObject({ isWrongPass: false });
  expect(all.some(({ verdict }) => verdict !== 'ready')).toBe(true);
});

describe('losses of the last eight hours, by how much is written and how often couples are read', () => {
  test.each(
    [0.986, 0.947, 0.899].flatMap((rate) =>
      [0.5, 1].flatMap((writes) => [1, 20].map((every) => [rate, writes, every] as const)),
    ),
  )('a true mirror rate of %d, %d writes a couple a day, read each %d h', (rate, writes, every) => {
    const end = every === 1 ? 49 : 99;
    const of = scenario({
      ...{
        couples: every === 1 ? 700 : 1_500,
        hours: end + 1,
        sessions: writes,
        burst: 1,
        past: 2,
      },
      ...{ everyHours: every, asks: [end - 1, end] },
      loses: (world, key) => key !== null && world.now > end - 8 && world.random() < (1 - rate) * 3,
      // Somebody asks for readings of all before he asks the gate.
      setUp: (world) => world.at(end - 0.1, () => world.readAll()),
    });
    const verdicts: Verdict[] = [];
    new ModelWorld(of, 7919).run((world) => {
      const evidence = evidenceOf(world);
      const rates = ratesOf(evidence, PROOF_TIMES);
      const { verdict } = judge([rates], { threshold: THRESHOLD, maxAgeMs: 2 * 3_600_000 });
      verdicts.push(verdict);
      if (verdict === 'cannot_tell' || evidence.verifiedTo === null) return;
      // A couple is judged as of its reading, which lies between.
      const truths = [hoursOf(evidence.verifiedTo), world.now].map(
        (at) => truthOf(world, at).mirror,
      );
      const seen = plainRate(rates.mirror) ?? 0;
      expect(seen).toBeGreaterThanOrEqual(Math.min(...truths) - MARGIN);
      expect(seen).toBeLessThanOrEqual(Math.max(...truths) + MARGIN);
    });
    expect(verdicts.at(-1)).not.toBe('cannot_tell');
  });
});
