import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import packageJson from '../../package.json';
import { node22 } from '../support/runtime';

/** What GitHub runs, as far as it can be run here. */

const ROOT = join(__dirname, '..', '..');
const MANIFESTS = ['package.json', 'package-lock.json'].flatMap((file) => [
  file,
  `functions/${file}`,
]);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quest-mirror-ci-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('workflows', () => {
  const lint = (of: string) =>
    run(node22(), join(ROOT, 'local/node22.mjs'), join(ROOT, '.ci/lint-workflows.mts'), of);

  test("this repository's have nothing wrong that can be known without GitHub", () => {
    expect(lint(ROOT)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+ workflows: nothing to say$/m),
    });
  }, 30_000);

  test('what is wrong with one is found', () => {
    const step = (permissions: string, timeout: string, does: string) =>
      `on: push\n${permissions}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    ${timeout}\n    steps:\n      - ${does}\n`;
    const [none, soon] = ['permissions: {}', 'timeout-minutes: 5'];
    write({
      '.github/workflows/a.yml': step(none, soon, 'rn: x'),
      '.github/workflows/b.yml': step(none, soon, `run: echo \${{ github.evnt }}`),
      '.github/workflows/c.yml': step('', soon, 'run: x'),
      '.github/workflows/d.yml': step(none, soon, 'uses: some/body@v4'),
      '.github/workflows/e.yml': step(none, '', 'run: x'),
    });
    const { status, stdout } = lint(folder);
    expect(status).toBe(1);
    for (const found of [
      "a.yml (Line: 8, Col: 9): Unexpected value 'rn'",
      'b.yml:8: property "evnt" is not defined',
      'c.yml: no permissions',
      'd.yml: some/body@v4 is not pinned',
      'e.yml: job a has no timeout-minutes',
    ]) {
      expect(stdout).toContain(found);
    }
  }, 30_000);

  test('what they run is there', () => {
    const workflows = ['ci.yml', 'release.yml'].map((file) =>
      readFileSync(join(ROOT, '.github/workflows', file), 'utf8'),
    );
    const named = workflows.join('\n').match(/(?<=\s)(?:\.ci|test)\/[\w./-]+/g) ?? [];
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    const scripts = workflows.join('\n').match(/(?<=npm run )[\w:-]+/g) ?? [];
    expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(scripts));
  });
});

test.each(['bug.yml', 'idea.yml'])('%s is a form for issues', (file) => {
  const form = parse(readFileSync(join(ROOT, '.github/ISSUE_TEMPLATE', file), 'utf8'));
  const body: { type: string; id?: string; attributes: object }[] = form.body;
  expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
  const asked = body.filter(({ type }) => type !== 'markdown');
  expect(asked.map(({ type }) => type)).not.toContainEqual(
    expect.not.stringMatching(/^(?:textarea|input|dropdown)$/),
  );
  expect(new Set(asked.map(({ id }) => id)).size).toBe(asked.length);
  for (const { attributes } of asked) expect(attributes).toHaveProperty('label');
});

describe('release notes', () => {
  const CHANGELOG = `# Changelog

## Unreleased

## 0.1.0 - 2026-12-01

### Added

- A mirror.

## 0.0.9 - 2026-11-01

- Before.
`;

  const notesOf = (tag: string, changelog = CHANGELOG, version = '0.1.0') => {
    write({
      'CHANGELOG.md': changelog,
      ...Object.fromEntries(MANIFESTS.map((file) => [file, JSON.stringify({ version })])),
    });
    return run(process.execPath, join(ROOT, '.ci/release-notes.mjs'), tag, folder);
  };

  test('are the section of the version, alone', () => {
    expect(notesOf('v0.1.0')).toEqual({
      status: 0,
      stdout: '### Added\n\n- A mirror.\n',
      stderr: '',
    });
  });

  test.each([
    ['a tag of no version', 'main', CHANGELOG, '0.1.0', 'main is no tag'],
    [
      'another version than the package has',
      'v0.1.0',
      CHANGELOG,
      '0.2.0',
      'functions/package.json',
    ],
    ['no section', 'v0.2.0', CHANGELOG, '0.2.0', '## 0.2.0 - YYYY-MM-DD'],
    ['no date', 'v0.1.0', CHANGELOG.replace(' - 2026-12-01', ''), '0.1.0', 'YYYY-MM-DD'],
    ['an empty section', 'v0.1.0', '## 0.1.0 - 2026-12-01\n', '0.1.0', 'says nothing'],
    [
      'entries left behind',
      'v0.1.0',
      CHANGELOG.replace('## 0.1', '- New.\n\n## 0.1'),
      '0.1.0',
      '"Unreleased"',
    ],
  ])('%s is refused', (_case, tag, changelog, version, reason) => {
    expect(notesOf(tag, changelog, version)).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining(reason),
    });
  });
});

describe('the changelog of a pull request', () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: folder });

  const commit = (files: Record<string, string>) => {
    write(files);
    git('add', '-A');
    git('commit', '-qm', 'a change');
  };

  const judged = (...files: string[]) => {
    git('init', '-q');
    const script = readFileSync(join(ROOT, '.ci/changelog-changed'), 'utf8');
    commit({ '.ci/changelog-changed': script, 'CHANGELOG.md': '' });
    git('tag', 'base');
    commit(Object.fromEntries(files.map((file) => [file, 'changed'])));
    return run('bash', '.ci/changelog-changed', 'base').status;
  };

  test.each([
    ['what ships, without a line', ['functions/src/a.ts'], 1],
    ['a migration, without a line', ['migrations/1_a.sql'], 1],
    ['what ships, with a line', ['functions/src/a.ts', 'CHANGELOG.md'], 0],
    ['tests and documents', ['test/a.test.ts', 'docs/a.md'], 0],
  ])('%s', (_case, files, status) => {
    expect(judged(...files)).toBe(status);
  });
});
