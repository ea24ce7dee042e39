import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { schemaText } from '../support/schema-text';

/** The schema as all migrations together leave it. */
const FILE = join(__dirname, '..', '..', 'docs', 'schema.sql');
const HEADING = `-- The schema as the migrations leave it, to read and to search: generated, never run.
-- Written by \`UPDATE_DOCS=1 npx jest test/integration/schema-document\`. What the columns mean: tables.md.

`;

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

test('docs/schema.sql is what the migrations make (UPDATE_DOCS=1 writes it)', async () => {
  const text = HEADING + (await schemaText(database));
  if (process.env.UPDATE_DOCS) writeFileSync(FILE, text);
  expect(readFileSync(FILE, 'utf8')).toBe(text);
});
