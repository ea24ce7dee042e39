import { type Evidence, judgeRecord } from '../../simulate/judge';
import type { Expected } from '../../simulate/ledger';
import type { OpenDifference, StoreKey } from '../../simulate/stores';

const PATH = 'lp_awards';
const at = (time: string) => `2026-11-23T${time}.000000Z`;

/** One key that both stores show, by the stores and by the books. */
const KEY: StoreKey = {
  ...{ path: PATH, ref: 'lp_awards/a_b/one', shard: 'a_b', rtdb: 5 },
  postgres: { payload: 5, isClient: false },
};
const LOST: StoreKey = { ...KEY, ref: 'lp_awards/a_b/two', postgres: null };

const EXPECTED: Expected = {
  ...{ path: PATH, ref: KEY.ref, rtdb: 5, postgres: KEY.postgres },
  ...{ culprits: [], isErasedFromAbove: false },
};
const DROPPED: Expected = { ...EXPECTED, ref: LOST.ref, postgres: null, culprits: ['drop'] };

const OPEN: OpenDifference = {
  ...{ path: PATH, ref: LOST.ref, shard: 'a_b', kind: 'missing_in_postgres', keys: 1 },
  ...{ cause: 'retries_exhausted', is_shared: false },
  ...{ written_after: at('10:00:00'), written_before: at('11:00:00') },
};

const OFF = { reason: 'flag_off', from: at('10:30:00'), to: at('12:00:00') };

function gateOf(
  total: number,
  differing: number,
  verdict: 'ready' | 'not_ready',
): Evidence['gate'] {
  const copy = { total, differing, unknown: 0, groups: [] };
  return {
    verdict,
    sentence: 'so it is',
    evidence: [{ path: PATH, copy }] as unknown as Evidence['gate']['evidence'],
  };
}

/** A key that was dropped, and told, beside one that agrees. */
function record(more: Partial<Evidence> = {}): Evidence {
  return {
    ...{ faults: new Set(['drop'] as const), keys: [KEY, LOST], expected: [EXPECTED, DROPPED] },
    ...{ open: [OPEN], coverage: [], gate: gateOf(2, 1, 'not_ready') },
    ...more,
  };
}

test('what was lost, and is put down to the fault that took it, is as it has to be', () => {
  expect(judgeRecord(record())).toMatchObject({
    ...{ keys: 2, differing: 1, failures: [] },
    causes: { named: 1, unknown: 0, wrong: 0 },
  });
});

test.each<[string, Partial<Evidence>, RegExp]>([
  ['a difference that nobody tells', { open: [] }, /the stores differ, and nothing says so/],
  ['one that is told twice', { open: [OPEN, OPEN] }, /or it is told twice/],
  [
    'one that is told of a key that agrees',
    { open: [OPEN, { ...OPEN, ref: KEY.ref }] },
    /the stores don't differ so/,
  ],
  [
    'a row that stands for more keys than differ',
    { open: [{ ...OPEN, is_shared: true, keys: 2 }] },
    /stands for 2 keys, and 1 differ/,
  ],
  ['another cause', { open: [{ ...OPEN, cause: 'flag_disabled' }] }, /put down to flag_disabled/],
  ['no cause, with the evidence there', { open: [{ ...OPEN, cause: 'unknown' }] }, /to unknown/],
  ['a row that the books lack', { expected: [EXPECTED] }, /nobody wrote it/],
  [
    'a row that the mirror lost by itself',
    { expected: [EXPECTED, { ...DROPPED, postgres: KEY.postgres, culprits: [] }] },
    /the books say/,
  ],
  ['a gate that counts a key twice', { gate: gateOf(3, 1, 'not_ready') }, /counts 3 keys of 2/],
  ['a gate that is ready', { gate: gateOf(2, 1, 'ready') }, /the gate is ready, and 1 of 2/],
])('%s is a failure', (_, more, failure) => {
  const { failures } = judgeRecord(record(more));
  expect(failures).toContainEqual(expect.stringMatching(failure));
});

test('not to know is right where more than one cause fits the time', () => {
  const open = [{ ...OPEN, cause: 'unknown' }];
  expect(judgeRecord(record({ open, coverage: [OFF] }))).toMatchObject({
    ...{ failures: [], causes: { named: 0, unknown: 1, wrong: 0 } },
  });
});

test('a gate that has doubts when nothing was lost is a failure', () => {
  const [keys, expected] = [[KEY], [EXPECTED]];
  const none = { faults: new Set<never>(), keys, expected, open: [] };
  expect(judgeRecord(record({ ...none, gate: gateOf(1, 0, 'not_ready') })).failures).toEqual([
    'nothing was lost, and the gate says: so it is',
  ]);
  expect(judgeRecord(record({ ...none, gate: gateOf(1, 0, 'ready') })).failures).toEqual([]);
});
