import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CAUSE_NAMES,
  CAUSES,
  KIND_NAMES,
  KINDS,
  SEVERITIES,
} from '../../functions/src/divergences/vocabulary';
import { cloneDatabase, type TestDatabase } from '../support/database';

const DOCS = join(__dirname, '..', '..', 'docs');

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** The names that a check of the log lets through. */
async function namesIn(constraint: string): Promise<string[]> {
  const [row] = await database.query<{ definition: string }>(
    `select pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = 'mirror.divergence_log'::regclass and conname = $1`,
    [constraint],
  );
  return [...(row?.definition ?? '').matchAll(/'(\w+)'::text/g)].map(([, name = '']) => name);
}

test.each<[string, readonly string[]]>([
  ['divergence_log_kind_known', KIND_NAMES],
  ['divergence_log_cause_known', CAUSE_NAMES],
  ['divergence_log_severity_known', SEVERITIES],
])('the check %s lets through what the vocabulary has', async (constraint, names) => {
  expect((await namesIn(constraint)).sort()).toEqual([...names].sort());
});

test('each kind has causes, and each cause leads to a kind', () => {
  for (const kind of KIND_NAMES) expect(KINDS[kind].causes).not.toEqual([]);
  expect(new Set(KIND_NAMES.flatMap((kind) => KINDS[kind].causes))).toEqual(new Set(CAUSE_NAMES));
});

/** A Markdown table whose columns line up. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

const yes = (holds: boolean) => (holds ? 'yes' : 'no');

const WORDS = `${table([
  ['kind', 'severity', 'meaning'],
  ...KIND_NAMES.map((kind) => [
    `\`${kind}\``,
    KINDS[kind].severity ?? "its cause's",
    KINDS[kind].meaning,
  ]),
])}

${table([
  ['cause', 'severity', 'explained', 'needs a person', 'meaning'],
  ...CAUSE_NAMES.map((cause) => {
    const { severity, isExplained, needsPerson, meaning } = CAUSES[cause];
    return [`\`${cause}\``, severity, yes(isExplained), yes(needsPerson), meaning];
  }),
])}`;

const BOUNDS = /(?<=<!-- vocabulary: .*? -->\n\n).*?(?=\n\n<!-- vocabulary ends -->)/s;

test('docs/tables.md lists kinds and causes as the vocabulary has them (UPDATE_DOCS=1 writes it)', () => {
  const file = join(DOCS, 'tables.md');
  const text = readFileSync(file, 'utf8');
  if (process.env.UPDATE_DOCS)
    writeFileSync(
      file,
      text.replace(BOUNDS, () => WORDS),
    );
  expect(BOUNDS.exec(readFileSync(file, 'utf8'))?.[0]).toBe(WORDS);
});

test('docs/consistency.md says of each cause what the vocabulary says', () => {
  const text = readFileSync(join(DOCS, 'consistency.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` .*\| (\w+) +\| (yes|no) +\|$/gm)];
  expect(rows.length).toBeGreaterThan(10);
  for (const [, cause, severity, explained] of rows) {
    const known = CAUSE_NAMES.find((name) => name === cause);
    expect(known).toBeDefined();
    if (known === undefined) continue;
    expect([cause, severity, explained]).toEqual([
      known,
      CAUSES[known].severity,
      yes(CAUSES[known].isExplained),
    ]);
  }
});
