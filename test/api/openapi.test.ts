import { openApiDocument } from '../../functions/src/api/openapi';

test('the served document says what each endpoint takes and answers', () => {
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
