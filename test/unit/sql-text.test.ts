import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const FOLDERS = ['functions/src', 'cli'];

/** Template literals that hold SQL; the page's `<select>` is none. */
function statementsIn(source: string): string[] {
  const templates = source.match(/`(?:[^`\\]|\\.)*`/gs) ?? [];
  return templates.filter((text) =>
    /(?<![</])\b(select|insert into|update|delete from)\s/.test(text),
  );
}

test('no statement is put together from pieces', () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(ROOT, folder, name)),
  );
  const statements = files.flatMap((file) => statementsIn(readFileSync(file, 'utf8')));
  expect(statements.length).toBeGreaterThan(3);
  expect(statements.filter((text) => text.includes('${'))).toEqual([]);
});
