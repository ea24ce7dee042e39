import { completionEvent, send } from '../support/cloud-event';
import { mirrorOfTest } from '../support/mirror-runtime';
import { completions, divergences } from '../support/mirror-tables';
import { type Runtime, startRuntime } from '../support/runtime';

const mirror = mirrorOfTest();

async function connections(): Promise<number> {
  const [row] = await mirror.database.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and application_name = 'quest-mirror'`,
  );
  return row?.n ?? 0;
}

test('with the flag off an event is acknowledged and no connection is opened', async () => {
  const runtime = await mirror.start({ ENABLE_SUPABASE_DUAL_WRITE: 'false' });
  for (const dateKey of ['2025-11-19', 'no date']) {
    const event = completionEvent({ dateKey });
    await expect(send(runtime.url, event)).resolves.toBe(204);
    await expect(runtime.outcomeOf(String(event.id))).resolves.toMatchObject({
      outcome: 'disabled',
    });
  }
  await expect(connections()).resolves.toBe(0);
  await expect(completions(mirror.database)).resolves.toEqual([]);
  await expect(divergences(mirror.database)).resolves.toEqual([]);
});

test('with the flag off no secret is needed', async () => {
  const runtime = await mirror.start({ ENABLE_SUPABASE_DUAL_WRITE: 'false' }, '');
  await expect(send(runtime.url, completionEvent())).resolves.toBe(204);
});

test.each(['', 'mysql://root:MARKER@127.0.0.1/x'])(
  'the unusable secret "%s" fails events by name and is never shown',
  async (databaseUrl) => {
    const runtime = await mirror.start({}, databaseUrl);
    await expect(send(runtime.url, completionEvent())).resolves.toBe(500);
    const output = runtime.lines.join('\n');
    expect(output).toContain('DATABASE_URL');
    expect(output).not.toContain('MARKER');
  },
);

test.each([
  ['ENABLE_SUPABASE_DUAL_WRITE', 'perhaps'],
  ['DATABASE_POOL_MAX', 'many'],
  ['RETENTION_DAYS', '-1'],
])('the unusable setting %s=%s fails events by name', async (name, value) => {
  const runtime = await mirror.start({ [name]: value });
  await expect(send(runtime.url, completionEvent())).resolves.toBe(500);
  expect(runtime.lines.join('\n')).toContain(name);
});

describe('with a retention of 30 days', () => {
  let runtime: Runtime;

  beforeAll(async () => {
    const { url: databaseUrl } = mirror.database;
    runtime = await startRuntime({ databaseUrl, env: { RETENTION_DAYS: '30' } });
  });

  afterAll(() => runtime?.stop());

  const written = { dateKey: '2025-10-01', time: '2025-10-01T12:00:00Z' };

  test('a deletion of an older day leaves the rows, and is logged once for the day', async () => {
    const { url } = runtime;
    for (const questId of ['q1', 'q2', 'q3']) {
      await send(url, completionEvent({ ...written, questId }));
      const late = { ...written, questId, before: true, after: null, time: '2025-11-19T03:00:00Z' };
      const event = completionEvent(late);
      await expect(send(url, event)).resolves.toBe(204);
      await expect(runtime.outcomeOf(String(event.id))).resolves.toMatchObject({
        outcome: 'retained',
      });
    }
    const rows = await completions(mirror.database);
    expect(rows.map((row) => row.payload)).toEqual([true, true, true]);
    await expect(divergences(mirror.database)).resolves.toEqual([
      expect.objectContaining({
        ref: 'daily_quests/alice_bob_smith/2025-10-01',
        cause: 'retention',
        severity: 'info',
        key: null,
      }),
    ]);
  });

  test('a deletion of a younger day is the user\u2019s, and leaves a tombstone', async () => {
    const { url } = runtime;
    await send(url, completionEvent(written));
    const time = '2025-10-20T12:00:00Z';
    await send(url, completionEvent({ ...written, before: true, after: null, time }));
    const rows = await completions(mirror.database);
    expect(rows.map((row) => row.deleted_at)).toEqual(['2025-10-20T12:00:00.000000Z']);
  });
});
