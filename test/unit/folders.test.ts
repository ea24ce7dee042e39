import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrationsFolder, projectFolder } from '../../functions/src/cli/folders';

const ROOT = join(__dirname, '..', '..');

let above: string;
let packageFolder: string;

beforeEach(() => {
  above = realpathSync(mkdtempSync(join(tmpdir(), 'quest-mirror-folders-')));
  packageFolder = join(above, 'quest-mirror');
  mkdirSync(packageFolder);
});

afterEach(() => rmSync(above, { recursive: true, force: true }));

test('in this repository the migrations and firebase.json lie above the package', () => {
  expect([migrationsFolder(), projectFolder()]).toEqual([join(ROOT, 'migrations'), ROOT]);
});

test('the migrations that were packed come first', () => {
  mkdirSync(join(above, 'migrations'));
  expect(migrationsFolder(packageFolder)).toBe(join(above, 'migrations'));
  mkdirSync(join(packageFolder, 'migrations'));
  expect(migrationsFolder(packageFolder)).toBe(join(packageFolder, 'migrations'));
});

test('the project of an installed package is the working folder', () => {
  expect(projectFolder(packageFolder)).toBe(process.cwd());
  writeFileSync(join(above, 'firebase.json'), '{}');
  expect(projectFolder(packageFolder)).toBe(above);
});
