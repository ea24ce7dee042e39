import type { TestDatabase } from '../../support/database';

const TABLES = `
select format('%I.%I', schemaname, tablename) as name
from pg_tables where schemaname in ('rtdb', 'mirror') order by 1`;

/** All that the copy and the books hold, as text: nothing can hide in a column that a test forgot. */
export async function everyText(database: TestDatabase): Promise<string> {
  const texts: string[] = [];
  for (const { name } of await database.query<{ name: string }>(TABLES)) {
    const rows = await database.query<{ text: string }>(
      `select to_jsonb(t)::text as text from ${name} as t`,
    );
    texts.push(...rows.map(({ text }) => `${name} ${text}`));
  }
  return texts.join('\n');
}

/** How many rows each table of the copy and the books has. */
export async function rowCounts(database: TestDatabase): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name } of await database.query<{ name: string }>(TABLES)) {
    counts[name] = (await database.query(`select from ${name}`)).length;
  }
  return counts;
}
