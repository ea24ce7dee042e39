import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quest-mirror-gcloud-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A gcloud that knows what `present` lists, and notes how it is called. */
function fakeGcloud(present: string): void {
  const script = `#!/bin/sh
echo "$*" >> "${folder}/calls"
for word in "$@"; do
  case "$word" in --*-from-file=/*) tr -d '\\n' < "\${word#*=}" >> "${folder}/files"; echo >> "${folder}/files" ;; esac
done
case "$*" in *list*) printf '${present}' ;; esac
`;
  writeFileSync(join(folder, 'gcloud'), script);
  chmodSync(join(folder, 'gcloud'), 0o755);
}

const apply = (...args: string[]) =>
  run(process.execPath, ['local/node22.mjs', 'ops/apply.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  });

const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

test('on a new project everything is created, metrics before what asks for them', async () => {
  fakeGcloud('');
  await apply('--project', 'demo', '--channel', 'projects/demo/notificationChannels/1');
  const made = calls().filter((call) => call.includes(' create '));
  expect(made.filter((call) => call.startsWith('logging metrics'))).toHaveLength(11);
  expect(made.filter((call) => call.startsWith('alpha monitoring policies'))).toHaveLength(7);
  expect(made.at(-1)).toMatch(/^monitoring dashboards create/);
  expect(made.every((call) => call.includes('--project=demo'))).toBe(true);
  expect(made.findLastIndex((call) => call.startsWith('logging'))).toBe(10);
});

test('what is there is updated', async () => {
  fakeGcloud('quest_mirror_events\\tabc\\n');
  await apply('--project', 'demo');
  const updated = calls().filter((call) => call.includes(' update '));
  expect(updated).toContainEqual(
    expect.stringMatching(/^monitoring dashboards update quest_mirror_events /),
  );
});

/** What gcloud was given, as one text each. */
const given = () => readFileSync(join(folder, 'files'), 'utf8').trim().split('\n');

test('an instance of a kit has alerts and a dashboard of its own, on its own functions', async () => {
  fakeGcloud('');
  await apply('--project', 'demo', '--instance', 'staging_eu');
  const [policies, dashboards] = ['"conditions"', '"mosaicLayout"'].map((word) =>
    given().filter((text) => text.includes(word)),
  );
  expect([policies?.length, dashboards?.length]).toEqual([7, 1]);
  for (const text of [...(policies ?? []), ...(dashboards ?? [])]) {
    expect(text).toContain('"displayName":"quest-mirror-staging_eu');
    expect(text).toMatch(/kit-staging-eu-mirrorquestcompletion/);
    expect(text).not.toMatch(/[("|]mirror[a-z]+[)"|]|\{(services|triggers|services pattern)\}/);
  }
  expect(policies?.join()).toContain('"quest_mirror_alert":"canary-staging_eu"');
  expect(calls().filter((call) => call.includes(' list '))).toContainEqual(
    expect.stringContaining('userLabels.quest_mirror_alert=canary-staging_eu '),
  );
});

test("without a prefix it watches this repository's functions, and with --trigger a team's", async () => {
  fakeGcloud('');
  await apply('--project', 'demo');
  expect(given().join()).toContain('one_of(\\"mirrorquestcompletion\\",');
  rmSync(join(folder, 'files'));
  await apply('--project', 'demo', '--prefix', 'app', '--trigger', 'mirrorNote');
  const text = given().join();
  expect(text).toContain('one_of(\\"app-mirrornote\\")');
  expect(text).toContain('one_of(\\"app-mirrornote\\",\\"app-mirrorapi\\",');
  expect(text).not.toContain('mirrorquestcompletion');
});

test.each([
  ['an instance and a prefix', ['--instance', 'a', '--prefix', 'b']],
  ['what no function is called', ['--instance', 'A")']],
])('%s is refused', async (_name, more) => {
  await expect(apply('--project', 'demo', ...more)).rejects.toMatchObject({ code: 2 });
});

test('a dry run calls nothing', async () => {
  fakeGcloud('');
  const { stdout } = await apply('--project', 'demo', '--dry-run');
  expect(stdout).toContain('gcloud logging metrics create quest_mirror_events');
  expect(stdout).not.toContain('created');
  expect(() => calls()).toThrow();
});

test('without a project it says how it is called', async () => {
  await expect(apply()).rejects.toMatchObject({ code: 2 });
});
