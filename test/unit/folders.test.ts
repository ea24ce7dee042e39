import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrationFolders, migrationsFolder, projectFolder } from '../../functions/src/cli/folders';

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

test("a folder's own migrations come after the package's, where it has paths of its own", () => {
  const own = join(above, 'migrations');
  mkdirSync(own);
  writeFileSync(join(own, '20260101000001_anything.sql'), '');
  // Whose they are nobody knows.
  expect(migrationFolders(above)).toEqual([migrationsFolder()]);
  mkdirSync(join(above, 'lib'));
  writeFileSync(join(above, 'lib', 'paths.js'), '');
  expect(migrationFolders(above)).toEqual([migrationsFolder(), own]);
  rmSync(join(own, '20260101000001_anything.sql'));
  expect(migrationFolders(above)).toEqual([migrationsFolder()]);
});

test('the project of an installed package is the working folder, or the nearest one above', () => {
  const wrapper = join(above, 'kits', 'mirror');
  mkdirSync(wrapper, { recursive: true });
  const installed = join(wrapper, 'node_modules', 'quest-mirror');
  expect(projectFolder(installed, wrapper)).toBe(wrapper);
  writeFileSync(join(above, 'firebase.json'), '{}');
  expect(projectFolder(installed, wrapper)).toBe(above);
  writeFileSync(join(above, 'kits', 'firebase.json'), '{}');
  expect(projectFolder(installed, wrapper)).toBe(join(above, 'kits'));
});

test('the project of a package that lies in it is above it, where the working folder is elsewhere', () => {
  const elsewhere = join(above, 'elsewhere');
  mkdirSync(elsewhere);
  const inProject = join(above, 'project', 'functions');
  mkdirSync(inProject, { recursive: true });
  expect(projectFolder(inProject, elsewhere)).toBe(elsewhere);
  writeFileSync(join(above, 'project', 'firebase.json'), '{}');
  expect(projectFolder(inProject, elsewhere)).toBe(join(above, 'project'));
});
