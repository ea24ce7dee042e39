import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(__dirname, '..', '..', 'functions', 'src');

/** Template literals that hold SQL; the page's `<select>` is none. */
function statementsIn(source: string): string[] {
  const templates = source.match(/`(?:[^`\\]|\\.)*`/gs) ?? [];
  return templates.filter((text) =>
    /(?<![</])\b(select|insert into|update|delete from)\s/.test(text),
  );
}

test('no statement is put together from pieces, but for the name of a path’s function', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(SOURCE, name));
  const statements = files.flatMap((file) => statementsIn(readFileSync(file, 'utf8')));
  expect(statements.length).toBeGreaterThan(3);
  expect(statements.filter((text) => text.includes('${'))).toEqual([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source text
    '`select * from mirror.apply_${name}($1::jsonb, $2, $3::jsonb)`',
  ]);
});
