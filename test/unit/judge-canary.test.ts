import { judgeCanary } from '../../functions/src/canary/judge-canary';

const WRITTEN = 1_763_553_600_000;
const LATER = WRITTEN + 300_000;

test.each([
  ['none was written yet', null, null, LATER, { verdict: 'first' }],
  [
    'it arrived',
    WRITTEN,
    { payload: WRITTEN, ageMs: 299_760 },
    LATER,
    { verdict: 'arrived', lagMs: 240 },
  ],
  [
    'it arrived after just a minute',
    WRITTEN,
    { payload: WRITTEN, ageMs: 240_000 },
    LATER,
    { verdict: 'arrived', lagMs: 60_000 },
  ],
  [
    'it arrived later',
    WRITTEN,
    { payload: WRITTEN, ageMs: 239_999 },
    LATER,
    { verdict: 'late', lagMs: 60_001 },
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
  expect(judgeCanary({ writtenMs, arrived, nowMs })).toEqual(expected);
});
