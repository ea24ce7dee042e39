import type { ColumnType } from '../paths/columns';
import type { ProposedColumn } from './propose-columns';

/** A path as it is to be declared. */
export interface PathDraft {
  name: string;
  trigger: string;
  ref: string;
  day: string | null;
  columns: readonly ProposedColumn[];
  visibleTo: 'couple' | readonly string[];
}

/** Where a declaration finds what it is made of. */
export interface DeclarationImports {
  /** The module of the columns' functions. */
  columns: string;
  /** The module of `definePath`; it may be the same. */
  definePath: string;
}

/** The function in paths/columns.ts of each type. */
const FUNCTIONS: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  'double precision': 'double',
  boolean: 'boolean',
  'timestamp with time zone': 'instant',
  jsonb: 'json',
};

/** The width of a line, as biome.json has it: what is written must pass the linter. */
export const LINE_WIDTH = 100;

/** The text of a declaration's file, formatted as Biome does. Pure. */
export function declarationFile(
  draft: PathDraft,
  constant: string,
  imports: DeclarationImports,
): string {
  const { name, trigger, ref, day, columns, visibleTo } = draft;
  return [
    ...importLines(columns, imports),
    '',
    `/** Mirrors \`${ref}\` into rtdb.${name}. */`,
    `export const ${constant} = definePath({`,
    `  name: '${name}',`,
    `  trigger: '${trigger}',`,
    `  ref: ${quoted(ref)},`,
    ...(day === null ? [] : [`  day: '${day}',`]),
    ...columnLines(columns),
    ...visibleToLines(visibleTo),
    '});',
    '',
  ].join('\n');
}

function importLines(
  columns: readonly ProposedColumn[],
  { columns: from, definePath }: DeclarationImports,
): string[] {
  const functions = [...new Set(columns.map(({ type }) => FUNCTIONS[type]))];
  const line = (names: readonly string[], module: string) =>
    `import { ${names.toSorted().join(', ')} } from '${module}';`;
  if (from === definePath) return [line(['definePath', ...functions], definePath)];
  const own = functions.length === 0 ? [] : [line(functions, from)];
  return [...own, line(['definePath'], definePath)];
}

function columnLines(columns: readonly ProposedColumn[]): string[] {
  if (columns.length === 0) return [];
  const lines = columns.map(
    ({ column, type, field }) => `    ${column}: ${FUNCTIONS[type]}((v) => ${access(field)}),`,
  );
  return ['  columns: {', ...lines, '  },'];
}

function access(field: string | null): string {
  if (field === null) return 'v';
  return /^[A-Za-z_]\w*$/.test(field) ? `v.${field}` : `v[${quoted(field)}]`;
}

function visibleToLines(visibleTo: PathDraft['visibleTo']): string[] {
  if (visibleTo === 'couple') return [`  visibleTo: 'couple',`];
  if (visibleTo.length === 0) return [];
  const names = visibleTo.map((column) => `'${column}'`);
  const line = `  visibleTo: [${names.join(', ')}],`;
  if (line.length <= LINE_WIDTH) return [line];
  return ['  visibleTo: [', ...names.map((column) => `    ${column},`), '  ],'];
}

/** With the quotes that need fewer escapes, as Biome chooses them. */
function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\');
  const [singles, doubles] = [text.split("'").length, text.split('"').length];
  return singles > doubles
    ? `"${escaped.replaceAll('"', '\\"')}"`
    : `'${escaped.replaceAll("'", "\\'")}'`;
}
