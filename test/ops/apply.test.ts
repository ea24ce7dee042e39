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
