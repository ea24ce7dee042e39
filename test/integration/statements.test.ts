import { PATHS } from '../../functions/src/app-paths';
import { applyQueryOf } from '../../functions/src/mirror/apply-claims';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { DescribeStatement } from './support/describe-statement';
import { queries } from './support/statements';

/** One for each path; a store makes its own when it is opened. */
const APPLIES = PATHS.map(applyQueryOf);

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

test('there are statements to look at', () => {
  expect(queries().length).toBeGreaterThan(30);
  expect(queries()).toEqual(expect.arrayContaining(APPLIES));
});

const named = queries().map((query) => [query.text.trim().split('\n')[0], query] as const);

test.each(named)('%s … takes and answers what its query declares', async (_, query) => {
  const statement = new DescribeStatement(query.text);
  const client = await database.pool.connect();
  try {
    client.query(statement);
    const { parameters, columns } = await statement.described;
    const types = await database.query<{ name: string }>(
      `select type::regtype::text as name
       from unnest($1::oid[]) with ordinality as parameter (type, place) order by place`,
      [parameters],
    );
    const declared = Object.values(query.params).map((type) => type.replace('?', ''));
    expect(types.map(({ name }) => SHORT_NAMES.get(name) ?? name)).toEqual(declared);
    expect(columns).toEqual(expect.arrayContaining([...query.columns]));
  } finally {
    client.release();
  }
});

const SHORT_NAMES = new Map([['timestamp with time zone', 'timestamptz']]);
