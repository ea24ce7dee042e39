import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { completionEvent, type JsonValue, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { node22, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const ROOT = join(__dirname, '..', '..');
const REF = 'invented_moods/{coupleId}/{dateKey}/entries/{entryId}';
const COUPLE = '_b7c1';
const LEAF = `invented_moods/${COUPLE}/2026-11-20/entries/-Oa1`;
const DECLARATION = 'functions/src/paths/invented-moods.ts';
const MS = Date.parse('2026-11-20T06:01:00Z');

/** A document as nobody's app has it, with all that a column may be called and hold. */
const ENTRY = {
  mood: 'calm',
  order: 2,
  score: 0.5,
  steps: 3_000_000_000,
  isShared: true,
  createdAt: MS,
  seenAt: '2026-11-20T07:01:00+01:00',
  localTime: '2026-11-20T07:01:00.123',
  tags: ['a'],
  payload: 'reserved',
};

let copy: string;
let database: TestDatabase;
let rtdb: StandinTree;

beforeAll(async () => {
  copy = copyOfRepository();
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  const day = { entries: { '-Oa1': ENTRY, '-Oa2': { ...ENTRY, mood: 'glad' } }, generatedAt: 1 };
  await rtdb.rest.set(['invented_moods', COUPLE], { '2026-11-20': day });
});

afterAll(async () => {
  await Promise.all([database?.drop(), rtdb?.standin.stop()]);
  rmSync(copy, { recursive: true, force: true });
});

/** All that is developed; its packages are this repository's. */
function copyOfRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-new-path-'));
  const leftOut = new Set(['node_modules', 'lib', '.git', '.local', 'results']);
  cpSync(ROOT, folder, {
    recursive: true,
    filter: (source) => !leftOut.has(source.split(/[\\/]/).at(-1) ?? ''),
  });
  for (const packages of ['node_modules', 'functions/node_modules']) {
    symlinkSync(join(ROOT, packages), join(folder, packages), 'junction');
  }
  return folder;
}

/** Runs a program of npm's in the copy; what it says, and its exit code. */
function run(script: string, args: string[], env: Record<string, string> = {}) {
  return new Promise<{ code: number; out: string; errors: string }>((resolve) => {
    const { PATH } = process.env;
    const options = { cwd: copy, env: { PATH, ...env } };
    execFile(node22(), [join(copy, script), ...args], options, (error, out, errors) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, out, errors });
    });
  });
}

const mirror = (args: string[], env: Record<string, string> = {}) =>
  run('local/node22.mjs', ['local/mirror.ts', ...args], env);

const stores = () => ({ DATABASE_URL: database.url, ...rtdb.env });

/** The copy's files by their content. */
function contents(): Map<string, string> {
  const files = readdirSync(copy, { recursive: true, withFileTypes: true });
  return new Map(
    files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .filter((file) => !/[\\/](node_modules|lib)[\\/]/.test(file))
      .map((file) => [
        file.slice(copy.length + 1).replaceAll('\\', '/'),
        createHash('sha256').update(readFileSync(file)).digest('hex'),
      ]),
  );
}

function changedSince(before: ReadonlyMap<string, string>): string[] {
  return [...contents()]
    .flatMap(([file, hash]) => (before.get(file) === hash ? [] : [file]))
    .sort();
}

/** The linters and the compiler, as `npm run lint` calls them; compiled into the copy's lib. */
async function expectClean(): Promise<void> {
  const results = await Promise.all([
    run('node_modules/@biomejs/biome/bin/biome', ['ci', '--colors=off', 'functions']),
    run('node_modules/typescript/bin/tsc', [
      '-p',
      'functions',
      '--incremental',
      '--tsBuildInfoFile',
      'functions/lib/.tsbuildinfo',
    ]),
  ]);
  expect(results.filter(({ code }) => code !== 0)).toEqual([]);
}

async function squawk(file: string): Promise<void> {
  expect(await run('node_modules/squawk-cli/js/bin/squawk', [file])).toMatchObject({ code: 0 });
}

function entryEvent(after: JsonValue, id: string, time: string) {
  const attributes = { ref: LEAF, subject: `refs/${LEAF}` };
  return completionEvent({ after, id, time, attributes });
}

async function mirrorOne(after: JsonValue, id: string, time: string): Promise<void> {
  const other = { folder: join(copy, 'functions'), target: 'mirrorInventedMood' };
  const runtime = await startRuntime({ databaseUrl: database.url, other });
  try {
    expect(await send(runtime.url, entryEvent(after, id, time))).toBe(204);
    expect(await runtime.outcomeOf(id)).toMatchObject({ outcome: 'applied' });
  } finally {
    await runtime.stop();
  }
}

describe('a path that nobody has declared', () => {
  let before: Map<string, string>;
  let migration: string;

  test('takes three files, which say what was seen', async () => {
    before = contents();
    const { code, out, errors } = await mirror(['new-path', REF], stores());
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const changed = changedSince(before);
    expect(changed).toEqual([
      'functions/src/app-paths.ts',
      DECLARATION,
      expect.stringMatching(/^migrations\/\d{14}_invented_moods\.sql$/),
    ]);
    migration = changed[2] ?? '';
    for (const line of [
      'key: couple_id, date_key, entry_id; day: dateKey; visible to the couple',
      'seen: 2 values in RTDB demo-quests-default-rtdb',
      'column created_at timestamp with time zone, from createdAt',
      'column local_time_local text, from localTime',
      'left in payload: tags (a list)',
      'left in payload: payload (payload is a reserved name)',
      "ignored: ['generatedAt'],",
    ]) {
      expect(out).toContain(line);
    }
    expect(out).not.toContain('glad');
  }, 60_000);

  test('lints, compiles and migrates as it is, and mirrors', async () => {
    await Promise.all([expectClean(), squawk(migration)]);
    expect(await mirror(['migrate'], stores())).toMatchObject({ code: 0, errors: '' });
    await mirrorOne(ENTRY, 'entry-1', '2026-11-20T06:02:00Z');
    expect(await database.query('select to_jsonb(m) as row from rtdb.invented_moods as m')).toEqual(
      [
        {
          row: expect.objectContaining({
            couple_id: COUPLE,
            date_key: '2026-11-20',
            entry_id: '-Oa1',
            mood: 'calm',
            order: 2,
            score: 0.5,
            steps: 3_000_000_000,
            is_shared: true,
            created_at: expect.stringMatching(/^2026-11-20T06:01:00/),
            seen_at: expect.stringMatching(/^2026-11-20T06:01:00/),
            local_time_local: ENTRY.localTime,
            payload: ENTRY,
            event_id: 'entry-1',
          }),
        },
      ],
    );
  }, 120_000);

  test('is then known, with nothing to do', async () => {
    const known = contents();
    expect(await mirror(['new-path', REF], stores())).toMatchObject({
      code: 0,
      out: 'invented_moods is declared and migrated as it is: nothing to do.\n',
    });
    expect(changedSince(known)).toEqual([]);
  }, 60_000);

  test('a changed declaration takes one migration', async () => {
    const file = join(copy, DECLARATION);
    const text = readFileSync(file, 'utf8')
      .replace('    mood: text((v) => v.mood),\n', '    feeling: text((v) => v.mood),\n')
      .replace("visibleTo: 'couple',", "visibleTo: ['entry_id'],");
    writeFileSync(file, text);
    const edited = contents();
    const { code, out } = await mirror(['new-path', REF], stores());
    expect(code).toBe(0);
    expect(out).toContain('new column feeling text; null in rows that are there');
    expect(out).toContain('column mood is no longer declared; the table keeps it');
    expect(out).toContain('who may see its rows changes');
    const [written, ...more] = changedSince(edited);
    expect([written, more]).toEqual([expect.stringMatching(/_invented_moods_changed\.sql$/), []]);
    await Promise.all([expectClean(), squawk(written ?? '')]);
    expect(await mirror(['migrate'], stores())).toMatchObject({ code: 0, errors: '' });
    await mirrorOne({ ...ENTRY, mood: 'glad' }, 'entry-2', '2026-11-20T06:03:00Z');
    expect(await database.query('select mood, feeling from rtdb.invented_moods')).toEqual([
      { mood: 'calm', feeling: 'glad' },
    ]);
    expect(await mirror(['new-path', REF])).toMatchObject({
      out: 'invented_moods is declared and migrated as it is: nothing to do.\n',
    });
  }, 120_000);
});
