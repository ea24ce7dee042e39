import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { node22 } from '../support/runtime';
import { startGoogleStub } from './support/google-stub';

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

function run(args: string[], env: NodeJS.ProcessEnv, cwd = ROOT) {
  return new Promise<{ code: number; stdout: string; output: string }>((resolve) => {
    execFile(node22(), args, { cwd, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, stdout, output: stdout + stderr });
    });
  });
}

async function deploy(only: string | null, owns?: string): Promise<Deploy> {
  const { QUEST_MIRROR_OWNS: _mine, ...inherited } = process.env;
  const env = { ...inherited, ...(owns === undefined ? {} : { QUEST_MIRROR_OWNS: owns }) };
  const args = [join(__dirname, 'support/run-deploy.cjs'), folder, PROJECT];
  const { stdout, output } = await run([...args, ...(only === null ? [] : [only])], env);
  const lines = stdout.split('\n');
  return {
    steps: lines.filter((line) => /^(prepare|deploy|release) /.test(line)),
    targets: lines.find((line) => line.startsWith('targets '))?.slice('targets '.length) ?? '',
    output,
    isRefused: lines.some((line) => line.startsWith('refused: ')),
  };
}

const stepsOf = (...targets: string[]) =>
  ['prepare', 'deploy', 'release'].flatMap((step) => targets.map((name) => `${step} ${name}`));

test.each<[string, string | null]>([
  ['a bare firebase deploy', null],
  ['--only hosting', 'hosting'],
  ['--only functions,hosting, as was once advised', 'functions,hosting'],
])('%s is refused before anything is looked at or written', async (_name, only) => {
  const { steps, isRefused, output } = await deploy(only);
  expect(output).toContain(
    `Nothing was deployed. quest-mirror's rules and site would replace those of ${PROJECT}.\n` +
      'The mirror alone: npx firebase deploy --only functions\n',
  );
  expect([isRefused, steps]).toEqual([true, []]);
});

test('the command itself, signed in to a project that it may write, asks and writes nothing', async () => {
  const google = await startGoogleStub(PROJECT);
  const { QUEST_MIRROR_OWNS: _mine, ...inherited } = process.env;
  const cli = join(ROOT, 'node_modules/firebase-tools/lib/bin/firebase.js');
  try {
    const { code, output } = await run(
      [cli, 'deploy', '--project', PROJECT, '--non-interactive'],
      { ...inherited, ...google.env },
      folder,
    );
    expect(output).toContain(`Nothing was deployed. quest-mirror's rules and site would replace`);
    expect(code).toBe(1);
    const writes = google.requests.filter(
      (request) => !/^GET |:testIamPermissions|\/token/.test(request),
    );
    expect([google.requests.length > 2, writes]).toEqual([true, []]);
  } finally {
    await google.stop();
  }
}, 60_000);

test('--only functions deploys functions, and nothing else', async () => {
  const { targets, steps, isRefused } = await deploy('functions');
  expect(targets).toBe('functions');
  expect([isRefused, steps]).toEqual([false, stepsOf('functions')]);
});

test('everything is deployed to a project that QUEST_MIRROR_OWNS names', async () => {
  const { steps, isRefused } = await deploy(null, `other-app, ${PROJECT}`);
  expect([isRefused, steps]).toEqual([false, stepsOf('database', 'functions', 'hosting')]);
});

test('a name that begins as the project’s lets nothing through', async () => {
  const { steps, isRefused } = await deploy(null, `${PROJECT}-staging`);
  expect([isRefused, steps]).toEqual([true, []]);
});
