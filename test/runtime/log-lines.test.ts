import { z } from 'zod';
import { LINES_A_SECOND } from '../../functions/src/mirror/log-lines';
import { completionEvent, encodeHeader, refOf, send, sendBinary } from '../support/cloud-event';
import { urlOfDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { mirrorOfTest } from '../support/mirror-runtime';
import type { Runtime } from '../support/runtime';

const TRACE = 'logging.googleapis.com/trace';

const batchLine = z.object({
  severity: z.literal('DEBUG'),
  statement: z.string(),
  size: z.number(),
  ms: z.number(),
  applied: z.number().optional(),
  sqlstate: z.string().nullish(),
  [TRACE]: z.never().optional(),
});

const mirror = mirrorOfTest();

/** The lines of batches; parsing fails where one bears what it should not. */
function batches({ lines }: Runtime): z.infer<typeof batchLine>[] {
  return lines
    .filter((line) => line.startsWith('{') && 'statement' in JSON.parse(line))
    .map((line) => batchLine.parse(JSON.parse(line)));
}

const appliedIn = (running: Runtime) =>
  batches(running).reduce((sum, { applied = 0 }) => sum + applied, 0);

test('concurrent events share batches, and each line bears the trace of its own request', async () => {
  const running = await mirror.start();
  const traced = Array.from({ length: 40 }, (_, n) => ({
    traceId: (n + 1).toString(16).padStart(32, '0'),
    event: completionEvent({ questId: `q${n}` }),
  }));
  const answers = await Promise.all(
    traced.map(({ traceId, event }) =>
      sendBinary(running.url, event, encodeHeader, {
        traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      }),
    ),
  );
  expect(new Set(answers)).toEqual(new Set([204]));
  for (const { traceId, event } of traced) {
    expect(await running.outcomeOf(String(event.id))).toMatchObject({
      severity: 'INFO',
      outcome: 'applied',
      lag_ms: expect.any(Number),
      batch: expect.any(Number),
      ref_hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      [TRACE]: `projects/demo-quests/traces/${traceId}`,
    });
  }
  await eventually(() => appliedIn(running) === 40, { describe: 'a line for each batch' });
  const sent = batches(running);
  expect(sent.length).toBeLessThan(40);
  const sizes = new Set(sent.map(({ size }) => size));
  expect(running.outcomes().every(({ batch }) => sizes.has(Number(batch)))).toBe(true);
});

test('refs are shown where the parameter says so', async () => {
  const running = await mirror.start({ LOG_REFS: 'true' });
  const event = completionEvent();
  await send(running.url, event);
  const line = await running.outcomeOf(String(event.id));
  expect(line).toMatchObject({ ref: refOf({}) });
  expect(line.ref_hash).toBeUndefined();
});

test('at scale some applied events have no line; batches count them all, other outcomes are logged', async () => {
  const running = await mirror.start({ LOG_APPLIED_SAMPLE: '0' });
  const events = Array.from({ length: 500 }, (_, n) => completionEvent({ questId: `q${n}` }));
  await Promise.all(events.map((event) => send(running.url, event)));
  await send(running.url, { ...events[0] });
  await eventually(() => running.outcomes().at(-1)?.outcome === 'duplicate', {
    describe: 'the line of the redelivery',
  });
  await eventually(() => appliedIn(running) === 500, { describe: 'a line for each batch' });
  const applied = running.outcomes().filter(({ outcome }) => outcome === 'applied');
  expect(applied.length).toBeGreaterThanOrEqual(LINES_A_SECOND);
  // All of them only where the machine takes fewer than that a second.
  expect(applied.length).toBeLessThan(500);
});

test('an event that missed one before it is logged, whatever the sample', async () => {
  const running = await mirror.start({ LOG_APPLIED_SAMPLE: '0' });
  await send(running.url, completionEvent());
  const event = completionEvent({ before: 7, after: 8, time: '2025-11-19T12:00:01Z' });
  await send(running.url, event);
  await expect(running.outcomeOf(String(event.id))).resolves.toMatchObject({
    severity: 'WARNING',
    missed_event: true,
  });
});

test.each([
  [
    'a refusal of the server',
    () => urlOfDatabase(mirror.database.url, 'no_such_database'),
    '3D000',
  ],
  ['no server', () => 'postgres://u:MARKER@127.0.0.1:9/x', null],
])('%s fails the event with its age and SQLSTATE', async (_, url, sqlstate) => {
  const running = await mirror.start({}, url());
  const time = new Date(Date.now() - 60_000).toISOString();
  const event = completionEvent({ time });
  await expect(send(running.url, event)).resolves.toBe(500);
  const line = await running.outcomeOf(String(event.id));
  expect(line).toMatchObject({ severity: 'ERROR', outcome: 'failed', error: 'ConnectError' });
  expect(line.sqlstate).toBe(sqlstate);
  expect(Number(line.age_ms)).toBeGreaterThanOrEqual(60_000);
  await eventually(() => batches(running).length > 0, {
    describe: 'the line of its batch',
  });
  expect(batches(running)).toEqual([
    expect.objectContaining({ statement: 'apply', size: 1, sqlstate }),
  ]);
  expect(running.lines.join('\n')).not.toContain('MARKER');
});
