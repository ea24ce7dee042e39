import { createHash } from 'node:crypto';
import { eventFields, type LogSettings, RoutineLines } from '../../functions/src/mirror/log-lines';
import type { Outcome } from '../../functions/src/mirror/outcome';
import { REF, writeOf } from '../support/mirror';

/** Fields and severities are what metrics and alerts filter by (ops/). */

const EVENT = writeOf({ id: 'e1' });
const HASH = createHash('sha256').update(REF).digest('hex').slice(0, 16);

type LogOutcome = (outcome: Outcome, event: typeof EVENT, settings: LogSettings) => void;
let logOutcome: LogOutcome;
const lines: unknown[] = [];

beforeAll(async () => {
  // firebase-functions' logger keeps the console that it finds when it is loaded.
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    jest.spyOn(console, method).mockImplementation((...texts: unknown[]) => {
      lines.push(JSON.parse(String(texts[0])));
    });
  }
  jest.resetModules();
  ({ logOutcome } = await import('../../functions/src/mirror/log-lines'));
});

afterAll(() => {
  jest.restoreAllMocks();
});

function lineOf(outcome: Outcome, share = 1): unknown {
  lines.length = 0;
  const routineLines = new RoutineLines(share, () => 0);
  if (share === 0) for (let n = 0; n < 1_000; n += 1) routineLines.takes();
  logOutcome(outcome, EVENT, { path: 'quest_completions', showsRefs: false, routineLines });
  expect(lines.length).toBeLessThanOrEqual(1);
  return lines[0];
}

const carried = { lagMs: 120, batch: 3 };

test.each<[Outcome, object]>([
  [
    { outcome: 'applied', missedEvent: false, ...carried },
    { severity: 'INFO', lag_ms: 120, batch: 3, missed_event: false },
  ],
  [
    { outcome: 'applied', missedEvent: true, ...carried },
    { severity: 'WARNING', lag_ms: 120, batch: 3, missed_event: true },
  ],
  [
    { outcome: 'duplicate', ...carried },
    { severity: 'INFO', lag_ms: 120, batch: 3 },
  ],
  [
    { outcome: 'stale', ...carried },
    { severity: 'INFO', lag_ms: 120, batch: 3 },
  ],
  [
    { outcome: 'tied', ...carried },
    { severity: 'INFO', lag_ms: 120, batch: 3 },
  ],
  [{ outcome: 'retained' }, { severity: 'INFO' }],
  [{ outcome: 'disabled' }, { severity: 'INFO' }],
  [
    { outcome: 'rejected', issues: [{ field: 'dateKey', message: 'expected a date' }] },
    { severity: 'WARNING', issues: [{ field: 'dateKey', message: 'expected a date' }] },
  ],
])('the line of %j', (outcome, fields) => {
  expect(lineOf(outcome)).toEqual({
    message: `event ${outcome.outcome}`,
    path: 'quest_completions',
    outcome: outcome.outcome,
    event_id: 'e1',
    ref_hash: HASH,
    ...fields,
  });
});

test('only lines of events that went well are left out', () => {
  const applied = { outcome: 'applied', missedEvent: false, ...carried } as const;
  expect(lineOf(applied, 0)).toBeUndefined();
  expect(lineOf({ ...applied, missedEvent: true }, 0)).toBeDefined();
  expect(lineOf({ outcome: 'stale', ...carried }, 0)).toBeDefined();
  expect(lineOf({ outcome: 'disabled' }, 0)).toBeDefined();
});

test('a log has no keys that a phone made up', () => {
  const fields = ['value', 'value.completedAt', 'value.my secret', 'userId', 'valued.by'];
  const issues = fields.map((field) => ({ field, message: 'expected text' }));
  expect(lineOf({ outcome: 'rejected', issues })).toMatchObject({
    issues: ['value', 'value.completedAt', 'value', 'userId', 'valued.by'].map((field) => ({
      field,
    })),
  });
});

test('nor what a schema quotes of the value', () => {
  const issues = [
    { field: 'value.amount', message: 'received "my secret"', mayQuote: true },
  ] as const;
  const line = lineOf({ outcome: 'rejected', issues: [...issues] });
  expect(line).toMatchObject({ issues: [{ field: 'value' }] });
  expect(JSON.stringify(line)).not.toContain('my secret');
});

test.each([
  ['a ref, where it may be shown', { ref: REF }, true, { event_id: 'e1', ref: REF }],
  ['its hash elsewhere', { ref: REF }, false, { event_id: 'e1', ref_hash: HASH }],
  ['no ref', { ref: '' }, true, { event_id: 'e1', ref: '' }],
  ['no id', { id: 7 as unknown as string }, true, { event_id: null }],
])('what names an event: %s', (_case, change, showsRefs, expected) => {
  expect(eventFields({ ...EVENT, ...change }, { showsRefs })).toMatchObject(expected);
});
