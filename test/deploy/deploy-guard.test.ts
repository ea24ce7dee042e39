import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { node22 } from '../support/runtime';

/** firebase.json as it is, and what `firebase deploy` makes of it up to the point where it would write. */

const ROOT = join(__dirname, '..', '..');
const PROJECT = 'team-app';

let folder: string;

beforeAll(() => {
  // A path with what a shell would take for something else.
  folder = mkdtempSync(join(tmpdir(), 'quest mirror (deploy) '));
  for (const name of ['firebase.json', 'database.rules.json']) {
    copyFileSync(join(ROOT, name), join(folder, name));
  }
  cpSync(join(ROOT, 'hosting'), join(folder, 'hosting'), { recursive: true });
  mkdirSync(join(folder, 'local'));
  copyFileSync(join(ROOT, 'local/deploy-guard.mjs'), join(folder, 'local/deploy-guard.mjs'));
  // The build is not what is looked at here.
  mkdirSync(join(folder, 'functions'));
  const scripts = { build: 'node -e ""' };
  writeFileSync(join(folder, 'functions/package.json'), JSON.stringify({ scripts }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Deploy {
  /** What would have talked to Google, in order. */
  steps: string[];
  targets: string;
  output: string;
  isRefused: boolean;
}

function deploy(only: string | null, owns?: string): Promise<Deploy> {
  const { QUEST_MIRROR_OWNS: _mine, ...inherited } = process.env;
  const env = { ...inherited, ...(owns === undefined ? {} : { QUEST_MIRROR_OWNS: owns }) };
  const args = [join(__dirname, 'support/run-deploy.cjs'), folder, PROJECT];
  return new Promise((resolve) => {
    execFile(
      node22(),
      [...args, ...(only === null ? [] : [only])],
      { env },
      (_error, stdout, stderr) => {
        const lines = stdout.split('\n');
        resolve({
          steps: lines.filter((line) => /^(prepare|deploy|release) /.test(line)),
          targets:
            lines.find((line) => line.startsWith('targets '))?.slice('targets '.length) ?? '',
          output: stdout + stderr,
          isRefused: lines.some((line) => line.startsWith('refused: ')),
        });
      },
    );
  });
}

const stepsOf = (...targets: string[]) =>
  ['prepare', 'deploy', 'release'].flatMap((step) => targets.map((name) => `${step} ${name}`));

test.each<[string, string | null]>([
  ['a bare firebase deploy', null],
  ['--only hosting', 'hosting'],
  ['--only database', 'database'],
  ['--only functions,hosting, as was once advised', 'functions,hosting'],
])('%s is refused before anything is looked at or written', async (_name, only) => {
  const { steps, isRefused, output } = await deploy(only);
  expect(output).toContain(
    `Nothing was deployed. quest-mirror's rules and site would replace those of ${PROJECT}.\n` +
      'The mirror alone: npx firebase deploy --only functions\n',
  );
  expect([isRefused, steps]).toEqual([true, []]);
});

test('--only functions deploys functions, and nothing else', async () => {
  const { targets, steps, isRefused } = await deploy('functions');
  expect(targets).toBe('functions');
  expect([isRefused, steps]).toEqual([false, stepsOf('functions')]);
});

test.each([PROJECT, `other-app, ${PROJECT}`])(
  'everything is deployed where QUEST_MIRROR_OWNS is %s',
  async (owns) => {
    const { steps, isRefused } = await deploy(null, owns);
    expect([isRefused, steps]).toEqual([false, stepsOf('database', 'functions', 'hosting')]);
  },
);

test.each(['', `${PROJECT}-staging`])(
  'QUEST_MIRROR_OWNS that is "%s" lets nothing through',
  async (owns) => {
    const { steps, isRefused } = await deploy(null, owns);
    expect([isRefused, steps]).toEqual([true, []]);
  },
);
