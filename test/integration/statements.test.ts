import {
  RECORD_DIVERGENCES,
  RESOLVE_MISSED_EVENT,
} from '../../functions/src/postgres/divergence-log';
import { ERASED_SIBLINGS } from '../../functions/src/postgres/erased-siblings';
import { APPLY_CLAIMS } from '../../functions/src/postgres/quest-completions';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

test.each(
  Object.entries({ APPLY_CLAIMS, ERASED_SIBLINGS, RECORD_DIVERGENCES, RESOLVE_MISSED_EVENT }),
)('%s fits the schema that the migrations make', async (name, statement) => {
  await expect(database.query(`prepare ${name.toLowerCase()} as ${statement}`)).resolves.toEqual(
    [],
  );
});
