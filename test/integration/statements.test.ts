import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cloneDatabase, type TestDatabase } from '../support/database';

const POSTGRES = join(__dirname, '..', '..', 'functions', 'src', 'postgres');

/** Every constant of functions/src/postgres/ that is a statement, by its name. */
function statements(): [string, string][] {
  return readdirSync(POSTGRES).flatMap((file) =>
    Object.entries(require(join(POSTGRES, file)) as Record<string, unknown>).filter(
      (entry): entry is [string, string] =>
        typeof entry[1] === 'string' && /\b(select|insert|update|delete)\b/.test(entry[1]),
    ),
  );
}

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

test('there are statements to look at', () => {
  expect(statements().length).toBeGreaterThan(25);
});

test.each(statements())('%s fits the schema that the migrations make', async (name, statement) => {
  await expect(database.query(`prepare ${name.toLowerCase()} as ${statement}`)).resolves.toEqual(
    [],
  );
});
