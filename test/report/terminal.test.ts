import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase, urlOfDatabase } from '../support/database';

/** What a terminal would act on, from each place that a verb repeats text of. */

const HOSTILE = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\u2028\r\u{e0001}';
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
const ACTED_ON = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u{e0001}]/u;

const VERBS = [
  ...['migrate', 'backfill', 'reconcile', 'repair', 'purge', 'report', 'doctor', 'simulate'],
  'explain',
];
const REF = 'daily_quests/a_b/2025-11-20/completions/q/a';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** With what it needs to get as far as the database. */
const NEEDED: Record<string, string[]> = {
  explain: [REF],
  backfill: ['--from', '2025-11-20', '--to', '2025-11-20'],
  repair: ['--from', '2025-11-20', '--to', '2025-11-20'],
};
const verbOf = (verb: string) => [verb, ...(NEEDED[verb] ?? [])];
const env = (url: string) => ({
  ...{ DATABASE_URL: url, FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9' },
  ...{ GCLOUD_PROJECT: 'demo-quests', RTDB_INSTANCE: 'demo-quests-default-rtdb' },
});

async function shown(args: string[], url = database.url): Promise<string> {
  const { code, out, errors } = await runCommand(args, env(url));
  expect(code).not.toBe(0);
  expect(`${out}${errors}`).not.toMatch(ACTED_ON);
  return `${out}${errors}`;
}

test.each(VERBS)('%s shows the arguments that it refuses without acting on them', async (verb) => {
  expect(await shown([...verbOf(verb), `--${HOSTILE}`])).toContain('\\u001b]0;owned\\u0007');
  await shown([...verbOf(verb), HOSTILE]);
  const unset = await shown([...verbOf(verb), '--database-url-env', HOSTILE]);
  expect(unset).toContain('\\u001b[2J');
});

test('and so does no verb, and a verb that there is not', async () => {
  expect(await shown([HOSTILE])).toContain('\\u001b');
  await shown(['explain', HOSTILE]);
});

test.each(VERBS.filter((verb) => verb !== 'simulate'))(
  "%s shows a server's error without acting on it",
  async (verb) => {
    // The server repeats the name.
    const url = urlOfDatabase(database.url, encodeURIComponent(`no${HOSTILE}`));
    for (const more of [[], ['--json']]) await shown([...verbOf(verb), ...more], url);
  },
);

test('an error of the team’s own trigger is one line of text', async () => {
  await database.query(
    `begin; set local mirror.writer = 'on';
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time, deleted_at)
     values ('a_b', '2025-11-19', 'q', 'a', now(), null, 'rtdb', now() - interval '9 days',
       now() - interval '9 days');
     create function refuse() returns trigger language plpgsql as $$
     begin
       raise exception E'no \\x1b[31m\\r\\nmirror: Removed 1 tombstones';
     end $$;
     create trigger refuse before delete on rtdb.quest_completions for each row execute function refuse();
     commit`,
  );
  const text = await shown(['purge']);
  expect(text).toBe('mirror: no \\u001b[31m\\u000d\\u000amirror: Removed 1 tombstones\n');
});
