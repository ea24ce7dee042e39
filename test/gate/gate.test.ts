import { steadyLossNotSeen, wordOfCanaries } from '../../functions/src/gate/canaries';
import type { PathEvidence } from '../../functions/src/gate/evidence';
import { judge, ratesOf } from '../../functions/src/gate/gate';
import {
  boundsOf,
  formatShare,
  parseThreshold,
  type ShardTally,
} from '../../functions/src/gate/rate';
import { durationOf, gateSentence, nextCommand } from '../../functions/src/gate/sentence';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';

const AT = '2026-11-28T09:00:00.000000Z';
const HOUR_MS = 3_600_000;
const ago = (hours: number) =>
  `${new Date(Date.parse(AT) - hours * HOUR_MS).toISOString().slice(0, -1)}000Z`;

const evidence = (of: Partial<PathEvidence> = {}): PathEvidence => ({
  ...{ path: 'steps', at: AT, beganAt: ago(1000), verifiedTo: ago(0.5), shards: 30 },
  ...{ unreadShards: 0, failedShards: 0, failedShard: null, failedError: null, oldFullShards: 0 },
  ...{ affectedShards: 0, oldestFullAt: ago(200), causes: [], gaps: [] },
  copy: { total: 1_000, differing: 0, unknown: 0, groups: [] },
  mirror: { total: 100, differing: 0, unknown: 0, groups: [] },
  canaries: { flown: 288, came: 288, newestAt: ago(0.05), lost: null },
  ...of,
});

const settings = { threshold: 0.99, maxAgeMs: 2 * HOUR_MS };
const answer = (...paths: Partial<PathEvidence>[]) =>
  judge(
    paths.map((of) => ratesOf(evidence(of), PROOF_TIMES)),
    settings,
  );
const verdictOf = (...paths: Partial<PathEvidence>[]) => {
  const { verdict, paths: judged } = answer(...paths);
  return [verdict, ...judged.flatMap(({ reasons }) => reasons.map(({ code }) => code))];
};

const gap = (reason: PathEvidence['gaps'][number]['reason'], from: number, to: number | null) => ({
  gaps: [{ reason, fromAt: ago(from), toAt: to === null ? null : ago(to) }],
});
const keys = (total: number, differing: number, unknown = 0) => ({
  total,
  differing,
  unknown,
  groups: [],
});

test.each<[string, Partial<PathEvidence>, string[]]>([
  ['all is well', {}, ['ready']],
  ['exactly what is asked for', { copy: keys(1000, 10) }, ['ready']],
  ['the copy is under it', { copy: keys(1000, 11) }, ['not_ready', 'copy_below']],
  ['the mirror is under it', { mirror: keys(1000, 11) }, ['not_ready', 'mirror_below']],
  ['unknown keys may be under it', { copy: keys(1000, 5, 6) }, ['cannot_tell', 'copy_unsure']],
  ['unknown keys can’t make it good', { copy: keys(1000, 11, 900) }, ['not_ready', 'copy_below']],
  ['the mirror’s unknown keys', { mirror: keys(100, 0, 2) }, ['cannot_tell', 'mirror_unsure']],
  ['the flag is off', gap('flag_off', 2, null), ['not_ready', 'off']],
  ['the flag is off for a moment more', gap('flag_off', 2, -0.01), ['not_ready', 'off']],
  ['a part of the couples is on', gap('percent', 2, null), ['not_ready', 'percent']],
  ['the flag was off in the window', gap('flag_off', 30, 23), ['cannot_tell', 'short']],
  ['the flag was off before', gap('flag_off', 30, 24.5), ['ready']],
  ['an outage lasts', gap('outage', 1, null), ['not_ready', 'outage']],
  ['an outage is over: events are retried', gap('outage', 3, 1), ['ready']],
  ['a store was put back: full readings say', gap('restored', 3, 1), ['ready']],
  ['a canary was late', gap('canary_lost', 3, 2), ['ready']],
  ['the path began in the window', { beganAt: ago(23) }, ['cannot_tell', 'short']],
  ['nobody knows how far readings came', { verifiedTo: null }, ['cannot_tell', 'never_verified']],
  ['readings are old', { verifiedTo: ago(2.1) }, ['cannot_tell', 'verified_too_old']],
  [
    'the newest canary is old',
    { canaries: { flown: 280, came: 280, newestAt: ago(0.3), lost: null } },
    ['cannot_tell', 'canary_silent'],
  ],
  [
    'no canary has flown',
    { canaries: { flown: 0, came: 0, newestAt: null, lost: null } },
    ['cannot_tell', 'canary_silent'],
  ],
  [
    'two canaries in a row were lost',
    {
      canaries: {
        flown: 288,
        came: 286,
        newestAt: ago(0.05),
        lost: { count: 2, fromAt: ago(3), toAt: ago(2.9) },
      },
    },
    ['ready'],
  ],
  [
    'three canaries in a row were lost',
    {
      canaries: {
        flown: 288,
        came: 285,
        newestAt: ago(0.05),
        lost: { count: 3, fromAt: ago(3), toAt: ago(2.8) },
      },
    },
    ['not_ready', 'canaries_lost'],
  ],
  [
    'where both hold, Not ready wins',
    { verifiedTo: null, copy: keys(1000, 500) },
    ['not_ready', 'copy_below', 'never_verified'],
  ],
])('%s', (_name, of, expected) => {
  expect(verdictOf(of)).toEqual(expected);
});

test('the worst path answers for all', () => {
  expect(answer({}, { path: 'b', verifiedTo: null }).verdict).toBe('cannot_tell');
  expect(answer({ verifiedTo: null }, { path: 'b', copy: keys(10, 5) }).verdict).toBe('not_ready');
});

test('nothing written: one path may be idle, all of them may not; what is unknown is not a write', () => {
  expect(answer({ mirror: keys(0, 0) }, { path: 'b' }).verdict).toBe('ready');
  expect(answer({ mirror: keys(0, 0) }).verdict).toBe('cannot_tell');
  expect(answer({ mirror: keys(3, 0, 3) }).isEmpty).toBe(true);
  expect(answer().verdict).toBe('cannot_tell');
});

const shard = (name: string, total: number, differing: number, unknown = 0): ShardTally => ({
  ...{ shard: name, total, differing, unknown },
});
const grouped = (tallies: ShardTally[]) => tallies.map((one) => ({ ...one, shards: 1 }));
const rate = (tallies: ShardTally[], shards: number) => {
  const sum = (of: (one: ShardTally) => number) => tallies.reduce((all, one) => all + of(one), 0);
  const whole = {
    ...{ total: sum(({ total }) => total), differing: sum(({ differing }) => differing) },
    unknown: sum(({ unknown }) => unknown),
  };
  return boundsOf({ ...whole, groups: grouped(tallies) }, shards);
};

describe('no single couple decides', () => {
  const rest = Array.from({ length: 19 }, (_, n) => shard(`c${n}`, 10, 0));

  test('the one that differs most is left out, and named', () => {
    const bad = shard('bad', 90, 90);
    expect(rate([...rest, bad], 20)).toMatchObject({ lower: 1, upper: 1, leftOut: [bad] });
  });

  test('of fewer than 20 each counts', () => {
    expect(rate([...rest.slice(1), shard('bad', 90, 90)], 19).upper).toBeCloseTo(0.667, 3);
  });

  test('two that differ are one too many', () => {
    expect(rate([...rest, shard('bad', 90, 90), shard('worse', 95, 95)], 21).upper).toBeCloseTo(
      0.679,
      3,
    );
  });

  test('a heavy one that agrees hides nothing', () => {
    const all = [...rest.map((one) => ({ ...one, differing: 1 })), shard('heavy', 100_000, 0)];
    expect(rate(all, 20).upper).toBeCloseTo(0.9, 3);
  });

  test('a heavy one that differs is left in where the rate would rise without it', () => {
    const all = [...rest, shard('bad', 10, 10), shard('heavy', 100, 9)];
    expect(rate(all, 21).upper).toBeCloseTo(1 - 9 / 290, 5);
  });

  test('one of each sort for each thousand', () => {
    const bad = [shard('a', 10, 10), shard('b', 10, 10), shard('c', 10, 10)];
    expect(rate([...rest, ...bad], 2_001).upper).toBe(1);
    expect(rate([...rest, ...bad], 2_000).upper).toBeLessThan(1);
  });

  test('what may differ most is left out of the lower bound', () => {
    const { lower, upper } = rate([...rest, shard('unread', 50, 0, 50), shard('bad', 10, 2)], 21);
    expect(lower).toBeCloseTo(0.99, 5);
    expect(upper).toBe(1);
  });
});

test('a rate of nothing stands in nobody’s way', () => {
  expect(rate([], 0)).toEqual({ lower: 1, upper: 1, leftOut: [] });
});

test.each([
  [0.99, '99.0000%'],
  [0.9999999, '99.9999%'],
  [1, '100.0000%'],
  [0, '0.0000%'],
])('%d is shown as %s', (share, text) => {
  expect(formatShare(share)).toBe(text);
});

test.each([
  ['0.99', 0.99],
  ['1', 1],
  ['.5', 0.5],
  ['1.1', null],
  ['0', null],
  ['', null],
  ['99%', null],
  ['1e-3', null],
])('a threshold of "%s" is %s', (text, value) => {
  expect(parseThreshold(text)).toBe(value);
});

test.each([
  [288, 288, '1.0'],
  [288, 287, '1.6'],
  [2_304, 2_304, '0.1'],
  [1, 1, '95.0'],
])('of %i canaries %i came: a steady loss of %s% would have shown', (flown, came, percent) => {
  expect(((steadyLossNotSeen({ flown, came }) ?? 0) * 100).toFixed(1)).toBe(percent);
});

test('the newest canary has time to arrive; runs of lost ones are counted', () => {
  const canaries = [true, false, false, true, false, false, false, true, false].map(
    (hasArrived, n) => ({ writtenAt: ago(1 - n / 12), hasArrived }),
  );
  expect(wordOfCanaries(canaries)).toEqual({
    ...{ flown: 8, came: 3, newestAt: ago(1 - 8 / 12) },
    lost: { count: 3, fromAt: ago(1 - 4 / 12), toAt: ago(1 - 6 / 12) },
  });
  expect(wordOfCanaries([])).toEqual({ flown: 0, came: 0, newestAt: null, lost: null });
});

describe('the sentence', () => {
  const wording = { threshold: 0.99, windowMs: 24 * HOUR_MS };
  const sentence = (...paths: Partial<PathEvidence>[]) => gateSentence(answer(...paths), wording);

  test.each<[string, Partial<PathEvidence>[], string]>([
    [
      'ready',
      [{ copy: keys(1_480, 0), mirror: keys(212, 0) }],
      'Ready: 212 of 212 keys written were mirrored, and 1,480 of 1,480 agree (99% asked for).',
    ],
    [
      'on for a while',
      [{ beganAt: ago(3.2), copy: keys(1_480, 0), mirror: keys(212, 0) }],
      "Can't tell yet: mirroring has been on for 3 h 12 min of the 24 h asked for. " +
        'So far 212 of 212 keys written were mirrored, and 1,480 of 1,480 agree. ' +
        'Ask again after 2026-11-29 05:48 UTC: `mirror report`.',
    ],
    [
      'two paths, for two reasons',
      [{ mirror: keys(100, 4) }, { path: 'b', ...gap('flag_off', 1, null), verifiedTo: null }],
      'Not ready: steps: only 96.0000% of keys written were mirrored (96 of 100), 99% asked for; ' +
        'b: mirroring has been off since 2026-11-28 08:00 UTC. ' +
        'So far 196 of 200 keys written were mirrored, and 2,000 of 2,000 agree.',
    ],
    [
      'old readings, with unknown keys',
      [{ verifiedTo: ago(5.05), copy: keys(1_000, 0, 40) }],
      "Can't tell: between 96.0000% and 100.0000% of all keys agree: of 40 nobody knows yet; " +
        'the readings are 5 h 3 min old, and may be 2 h. ' +
        'So far 100 of 100 keys written were mirrored, and 960 of 960 agree; of 40 more nobody knows yet. ' +
        'Run `mirror reconcile`.',
    ],
    ['no path', [], "Can't tell: no path is mirrored. Run `mirror migrate`."],
  ])('%s', (_name, paths, expected) => {
    expect(sentence(...paths)).toBe(expected);
  });

  test('reasons that all paths share are told once; of many, three', () => {
    const off = gap('percent', 1, null);
    expect(sentence(off, { path: 'b', ...off })).toMatch(
      /^Not ready: mirroring has been on for a part of the couples only since [^;]*\. So far/,
    );
    const bad = Array.from({ length: 5 }, (_, n) => ({ path: `p${n}`, copy: keys(100, 50 + n) }));
    expect(sentence(...bad)).toContain('; and 2 more. So far');
  });

  test('a rate that only a heavy couple holds up says so', () => {
    const groups = grouped([shard('heavy', 10_000, 0), shard('bad', 10, 5)]);
    const copy = { total: 10_300, differing: 35, unknown: 0, groups };
    expect(sentence({ copy })).toContain('without the heaviest couples only 89.');
  });

  test.each<[Partial<PathEvidence>, string | null]>([
    [{}, null],
    [{ verifiedTo: null }, 'mirror reconcile'],
    [{ copy: keys(100, 0, 50) }, 'mirror reconcile --full'],
    [{ copy: keys(100, 0, 50), unreadShards: 3 }, 'mirror reconcile'],
    [{ mirror: keys(0, 0) }, 'mirror report'],
    [{ canaries: { flown: 0, came: 0, newestAt: null, lost: null } }, 'mirror doctor'],
    [{ copy: keys(100, 50) }, null],
  ])('names the one command', (of, command) => {
    expect(nextCommand(answer(of))).toBe(command);
  });

  test.each([
    [20_000, '20 s'],
    [45 * 60_000, '45 min'],
    [24 * HOUR_MS, '24 h'],
    [52 * HOUR_MS, '2 d 4 h'],
  ])('%i ms are %s', (ms, words) => {
    expect(durationOf(ms)).toBe(words);
  });
});
