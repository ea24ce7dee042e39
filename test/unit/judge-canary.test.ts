import { type CanaryVerdict, judgeCanary } from '../../functions/src/canary/judge-canary';
import type { Json } from '../../functions/src/values/json';

const WRITTEN = 1_763_553_600_000;
const LATER = WRITTEN + 300_000;

test.each([
  ['none was written yet', null, null, LATER, { verdict: 'first' }],
  [
    'it arrived',
    WRITTEN,
    { payload: WRITTEN, ageMs: 299_760 },
    LATER,
    { verdict: 'arrived', writtenMs: WRITTEN, lagMs: 240 },
  ],
  [
    'it arrived after just a minute',
    WRITTEN,
    { payload: WRITTEN, ageMs: 240_000 },
    LATER,
    { verdict: 'arrived', writtenMs: WRITTEN, lagMs: 60_000 },
  ],
  [
    'it arrived later',
    WRITTEN,
    { payload: WRITTEN, ageMs: 239_999 },
    LATER,
    { verdict: 'late', writtenMs: WRITTEN, lagMs: 60_001 },
  ],
  ['nothing arrived ever', WRITTEN, null, LATER, { verdict: 'lost', sinceMs: WRITTEN }],
  [
    'only the one before it arrived',
    WRITTEN,
    { payload: WRITTEN - 300_000, ageMs: 599_760 },
    LATER,
    { verdict: 'lost', sinceMs: WRITTEN },
  ],
  [
    'it was written a moment ago',
    WRITTEN,
    { payload: WRITTEN - 300_000, ageMs: 599_760 },
    WRITTEN + 59_999,
    { verdict: 'first' },
  ],
  [
    'it was written just a minute ago',
    WRITTEN,
    null,
    WRITTEN + 60_000,
    { verdict: 'lost', sinceMs: WRITTEN },
  ],
])('%s', (_case, writtenMs, arrived, nowMs, expected) => {
  const sighting = { writtenMs, expected: writtenMs, held: writtenMs, arrived, nowMs };
  expect(judgeCanary(sighting)).toEqual(expected);
});

test.each<[string, Json, Json, CanaryVerdict['verdict']]>([
  ['RTDB never took it: none is due', WRITTEN - 300_000, WRITTEN - 300_000, 'first'],
  ['somebody removed it: none is due', null, null, 'first'],
])('%s', (_case, held, payload, verdict) => {
  const arrived = { payload, ageMs: 299_000 };
  const sighting = { writtenMs: WRITTEN, expected: WRITTEN, held, arrived, nowMs: LATER };
  expect(judgeCanary(sighting)).toMatchObject({ verdict });
});

test('a document shows its canary beside that of a path inside it', () => {
  const expected = { canary: WRITTEN };
  const both = { canary: WRITTEN, days: { '2000-01-01': { canary: WRITTEN } } };
  const look = (payload: Json) =>
    judgeCanary({
      ...{ writtenMs: WRITTEN, expected, held: both, nowMs: LATER },
      arrived: { payload, ageMs: 299_000 },
    });
  expect(look(both)).toMatchObject({ verdict: 'arrived' });
  expect(look({ ...both, canary: WRITTEN - 1 })).toMatchObject({ verdict: 'lost' });
  expect(look({ days: both.days })).toMatchObject({ verdict: 'lost' });
});
