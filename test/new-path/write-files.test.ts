import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFiles } from '../../functions/src/cli/new-path/open-project';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quest-mirror-write-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const FILES = [
  { file: 'src/paths/notes.ts', text: 'a', isNew: true },
  { file: 'migrations/1_notes.sql', text: 'b', isNew: true },
  { file: 'src/paths.ts', text: 'c', isNew: false },
];

test('a file that can’t be written takes the others back', () => {
  mkdirSync(join(folder, 'src/paths.ts'), { recursive: true });
  expect(() => writeFiles(folder, FILES)).toThrow(
    'src/paths.ts could not be written, so nothing was: ',
  );
  expect(existsSync(join(folder, 'src/paths/notes.ts'))).toBe(false);
  expect(readdirSync(join(folder, 'migrations'))).toEqual([]);
});

test('one that is there is left alone', () => {
  mkdirSync(join(folder, 'migrations'));
  writeFileSync(join(folder, 'migrations/1_notes.sql'), 'mine');
  expect(() => writeFiles(folder, FILES)).toThrow('migrations/1_notes.sql could not be written');
  expect(readdirSync(join(folder, 'migrations'))).toEqual(['1_notes.sql']);
  expect(existsSync(join(folder, 'src/paths/notes.ts'))).toBe(false);
});
