import { recordOutages } from '../../functions/src/coverage/outage-recorder';

const START = Date.parse('2025-11-19T12:00:00Z');

/** Statements that fail while `isAway`, on a clock of the test's own. */
function harness() {
  const state = { isAway: false, refusesGaps: false, seconds: 0 };
  const gaps: unknown[] = [];
  const statements = recordOutages(
    {
      run: async (text, values) => {
        if (state.isAway) throw new Error('connection lost');
        if (!text.includes('mirror.coverage')) return [];
        if (state.refusesGaps) throw new Error('connection lost');
        const [reason, from, to, detail] = values.map(String);
        gaps.push({ reason, from: from?.slice(11, 19), to: to?.slice(11, 19), detail });
        return [];
      },
    },
    () => START + state.seconds * 1_000,
  );
  const { noteFailure } = statements;
  const at = async (seconds: number, isAway: boolean, count = 1) => {
    Object.assign(state, { seconds, isAway });
    const all = Array.from({ length: count }, () => statements.run('select', []));
    await Promise.allSettled(all);
  };
  return { state, gaps, at, noteFailure };
}

test('an hour without Postgres is one interval, whoever succeeds first', async () => {
  const { gaps, at } = harness();
  await at(0, false);
  for (let second = 10; second < 3_610; second += 1) await at(second, true, 8);
  await at(3_610, false, 80);
  await at(3_611, false, 80);
  expect(gaps).toEqual([
    { reason: 'outage', from: '12:00:10', to: '13:00:10', detail: '{"failures":28800}' },
  ]);
});

test('where successes and failures alternate, an interval a minute is written', async () => {
  const { gaps, at } = harness();
  for (let second = 0; second < 600; second += 2) {
    await at(second, true);
    await at(second + 1, false);
  }
  expect(gaps).toHaveLength(10);
  expect(gaps.slice(0, 2)).toEqual([
    { reason: 'outage', from: '12:00:00', to: '12:00:01', detail: '{"failures":1}' },
    { reason: 'outage', from: '12:00:02', to: '12:01:01', detail: '{"failures":30}' },
  ]);
});

test('an interval that could not be written is written with the next', async () => {
  const { state, gaps, at } = harness();
  await at(10, true);
  state.refusesGaps = true;
  await at(20, false);
  await at(30, true);
  state.refusesGaps = false;
  await at(40, false);
  expect(gaps).toEqual([
    { reason: 'outage', from: '12:00:10', to: '12:00:40', detail: '{"failures":2}' },
  ]);
});

test('what is missing for every row is an outage, too, as the judge of rows says', async () => {
  const { state, gaps, at, noteFailure } = harness();
  state.seconds = 10;
  noteFailure();
  await at(70, false);
  expect(gaps).toEqual([
    { reason: 'outage', from: '12:00:10', to: '12:01:10', detail: '{"failures":1}' },
  ]);
});
