import type { ColumnType } from '../paths/columns';
import type { MirroredPath } from '../paths/mirrored-path';
import { LINE_WIDTH } from './declaration-file';

/** What a migration needs to know of a path; `definePath` gives it. */
export type TablePath = Pick<
  MirroredPath,
  'name' | 'ref' | 'keyColumns' | 'dayColumn' | 'columns' | 'visibleTo'
>;

/** A column that a table is to get. */
export interface AddedColumn {
  column: string;
  type: ColumnType;
}

const TIMEOUTS = ["set local lock_timeout = '5s';", "set local statement_timeout = '5min';"];

/** The migration that creates a path's table and declares it. Pure. */
export function createTableMigration(path: TablePath): string {
  const { name, ref, keyColumns, dayColumn, columns } = path;
  const keys = keyColumns.map((column) =>
    column === dayColumn
      ? `  ${sqlName(column)} date not null,`
      : `  ${sqlName(column)} text collate "C" not null,`,
  );
  const others = Object.entries(columns).map(
    ([column, type]) => `  ${sqlName(column)} ${typeName(type)},`,
  );
  const shown = others.length === 0 ? [] : [FROM_THE_VALUE, ...others];
  return lines(
    wrapped(`Why: the copy of ${ref}, one row for each of its values in RTDB.`),
    '',
    TIMEOUTS,
    '',
    `create table rtdb.${name} (`,
    keys,
    shown,
    VERSION_COLUMNS,
    '',
    constraints(path),
    ');',
    '',
    indexes(name),
    '',
    comments(path),
    '',
    declarePath(path),
  );
}

/** The migration that gives a table the columns that it lacks, and declares its path again. Pure. */
export function changePathMigration(path: TablePath, added: readonly AddedColumn[]): string {
  const { name } = path;
  const what =
    added.length === 0
      ? 'its table stays as it is'
      : `rows that are there have null in ${added.map(({ column }) => column).join(', ')}`;
  return lines(
    wrapped(`Why: the declaration of ${name} has changed; ${what}.`),
    '',
    TIMEOUTS,
    '',
    added.map(
      ({ column, type }) =>
        `alter table rtdb.${name} add column ${sqlName(column)} ${typeName(type)};`,
    ),
    added.length === 0 ? [] : [''],
    declarePath(path),
  );
}

const FROM_THE_VALUE =
  "  -- From the value; null where a field is missing, or holds what the type can't.";

const VERSION_COLUMNS = [
  '  payload jsonb,',
  '  origin text not null,',
  '  event_id text,',
  '  -- No default: a writer that forgot the version would win or lose by accident.',
  '  event_time timestamptz not null,',
  '  deleted_at timestamptz,',
  '  tie_settled boolean not null default false,',
  '  mirrored_at timestamptz not null default clock_timestamp(),',
];

function constraints({ name, keyColumns, dayColumn }: TablePath): string[] {
  const limits = keyColumns
    .filter((column) => column !== dayColumn)
    .map((column) => `octet_length(${sqlName(column)}) <= 768`);
  const first = [
    `  constraint ${name}_pkey primary key (${keyColumns.map(sqlName).join(', ')}),`,
    `  constraint ${name}_origin_known check (origin in ('rtdb', 'backfill', 'repair')),`,
    `  constraint ${name}_tombstone_is_empty check (deleted_at is null or payload is null)`,
  ];
  if (limits.length === 0) return first;
  const line = `    check (${limits.join(' and ')})`;
  const check =
    line.length <= LINE_WIDTH
      ? [line]
      : ['    check (', `      ${limits.join('\n      and ')}`, '    )'];
  return [
    `${first.join('\n')},`,
    "  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers",
    '  -- would retry for a day; 23514 is permanent.',
    `  constraint ${name}_ids_within_rtdb_limit`,
    ...check,
  ];
}

function indexes(name: string): string[] {
  return [
    '-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.',
    `create index ${name}_tombstones on rtdb.${name} (deleted_at)`,
    '  where deleted_at is not null;',
    '',
    '-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.',
    `create index ${name}_mirrored_at on rtdb.${name}`,
    '  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);',
  ];
}

function comments({ name, ref }: TablePath): string[] {
  const nodes = sqlText(ref.replace(/\{\w+\}/g, '*'));
  return [
    `comment on table rtdb.${name} is`,
    `  'Mirror of RTDB ${nodes}. Written by quest_mirror_writer only.';`,
    `comment on column rtdb.${name}.event_time is`,
    "  'Version of the row; -infinity for backfill rows, so that any real event wins.';",
    `comment on column rtdb.${name}.deleted_at is`,
    "  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';",
  ];
}

function declarePath({ name, ref, columns, visibleTo }: TablePath): string[] {
  const args = [
    [`  '${name}'`],
    [`  '${sqlText(ref)}'`],
    ...listArgument('columns', Object.keys(columns)),
    ...listArgument('visible_to', visibleTo),
  ];
  const last = args.length - 1;
  const parts = args.map((text, place) => text.join('\n') + (place === last ? '' : ','));
  return ['select mirror.declare_path(', ...parts, ');'];
}

function listArgument(name: string, names: readonly string[]): string[][] {
  if (names.length === 0) return [];
  // A bare null in a list isn't a name.
  const values = names.map((value) => (value === 'null' ? '"null"' : value));
  const line = `  ${name} => '{${values.join(',')}}'`;
  // A comma may follow.
  if (line.length < LINE_WIDTH) return [[line]];
  return [[`  ${name} => '{`, ...filled(values, '    '), "  }'"]];
}

/** Values joined by commas, as many on a line as fit. */
function filled(values: readonly string[], indent: string): string[] {
  const rows: string[] = [];
  values.forEach((value, place) => {
    const text = place === values.length - 1 ? value : `${value},`;
    const row = rows.at(-1);
    if (row !== undefined && row.length + 1 + text.length <= LINE_WIDTH) {
      rows[rows.length - 1] = `${row} ${text}`;
    } else rows.push(indent + text);
  });
  return rows;
}

/** A comment of whole words. */
function wrapped(text: string): string[] {
  const rows = ['--'];
  for (const word of text.split(' ')) {
    const row = `${rows.at(-1)} ${word}`;
    if (row.length <= LINE_WIDTH || rows.at(-1) === '--') rows[rows.length - 1] = row;
    else rows.push(`-- ${word}`);
  }
  return rows;
}

/** As the migrations spell a type. */
function typeName(type: ColumnType): string {
  return type === 'timestamp with time zone' ? 'timestamptz' : type;
}

function lines(...parts: (string | readonly string[])[]): string {
  return `${parts.flat().join('\n')}\n`;
}

/** A name as SQL takes it: quoted where it is a word that can't name a column. */
function sqlName(name: string): string {
  return RESERVED_WORDS.has(name) ? `"${name}"` : name;
}

/** What stands between the quotes of a text. */
function sqlText(text: string): string {
  return text.replaceAll("'", "''");
}

/** Source: PostgreSQL manual, appendix C, "SQL Key Words": reserved, also where functions may be. */
const RESERVED_WORDS = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization binary both case cast check ' +
    'collate collation column concurrently constraint create cross current_catalog current_date ' +
    'current_role current_schema current_time current_timestamp current_user default deferrable desc ' +
    'distinct do else end except false fetch for foreign freeze from full grant group having ilike in ' +
    'initially inner intersect into is isnull join lateral leading left like limit localtime ' +
    'localtimestamp natural not notnull null offset on only or order outer overlaps placing primary ' +
    'references returning right select session_user similar some symmetric system_user table ' +
    'tablesample then to trailing true union unique user using variadic verbose when where window with'
  ).split(' '),
);
