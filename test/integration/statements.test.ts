import { cloneDatabase, type TestDatabase } from '../support/database';
import { statements } from './support/statements';

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
