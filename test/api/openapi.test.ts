import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../../functions/src/api/openapi';

const FILE = join(__dirname, '..', '..', 'docs', 'openapi.json');

test('docs/openapi.json is the document that is served (UPDATE_OPENAPI=1 writes it)', () => {
  const text = `${JSON.stringify(openApiDocument(), null, 2)}\n`;
  if (process.env.UPDATE_OPENAPI) writeFileSync(FILE, text);
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(text));
});

test('it says what each endpoint takes and answers', () => {
  const { paths } = openApiDocument() as {
    paths: Record<string, Record<string, { responses: object; requestBody?: unknown }>>;
  };
  const post = paths['/sync/daily-quests/completion']?.post;
  expect(Object.keys(post?.responses ?? {})).toEqual([
    '200',
    '400',
    '401',
    '403',
    '405',
    '408',
    '413',
    '415',
    '429',
    '503',
  ]);
  expect(JSON.stringify(post?.requestBody)).toContain('"required":["quest_id","user_id"');
});
