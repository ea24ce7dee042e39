import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { applyQueryOf } from '../../functions/src/mirror/apply-claims';
import { QUERIES } from '../../functions/src/postgres/statements';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { DescribeStatement } from './support/describe-statement';
import { statements } from './support/statements';

const SOURCE = join(__dirname, '..', '..', 'functions', 'src');

/** Loaded, every file has made its queries. */
for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
  if (file.endsWith('.ts')) require(join(SOURCE, file));
}

/** One for each path; a store makes its own when it is opened. */
const APPLIES = PATHS.map(applyQueryOf);

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

test('there are statements to look at', () => {
  expect(statements().length + QUERIES.length).toBeGreaterThan(60);
  expect(QUERIES).toEqual(expect.arrayContaining(APPLIES));
});

test.each(statements())('%s fits the schema that the migrations make', async (name, statement) => {
  await expect(database.query(`prepare ${name.toLowerCase()} as ${statement}`)).resolves.toEqual(
    [],
  );
});

const named = QUERIES.map((query) => [query.text.trim().split('\n')[0], query] as const);

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
