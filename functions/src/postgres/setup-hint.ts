import { DatabaseError } from 'pg';
import { printable } from '../values/printable';
import { blameOf, isInTrigger } from './sqlstate';

/** Where the server's message names what the text of a statement names, and nothing of a row. */
const NAMES_OF_STATEMENTS = [
  'parserOpenTable',
  'ParseFuncOrColumn',
  'errorMissingColumn',
  'aclcheck_error',
];
/** And these, where the statement is the mirror's own. */
const NAMES_IN_OWN_STATEMENTS = [
  'exec_stmt_raise',
  'get_namespace_oid',
  'LookupExplicitNamespace',
  'ExecWithCheckOptions',
];

const MIGRATE = 'run `npm run mirror -- migrate`';
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['42P01', MIGRATE],
  ['42883', MIGRATE],
  ['42703', MIGRATE],
  ['3F000', MIGRATE],
  ['42501', 'run `npm run mirror -- doctor`, and grant what it says'],
]);
const TRIGGER_REMEDY = 'see "Triggers of your own" in docs/tables.md';

/**
 * What is missing and which command helps, in one line; null for failures that are not of the set-up. Names
 * tables, functions and schemas, never what a row holds.
 */
export function setupHint(error: unknown): string | null {
  if (!(error instanceof DatabaseError) || blameOf(error) !== 'setup') return null;
  const sqlstate = error.code ?? '';
  if (isInTrigger(error)) {
    const trigger = triggerIn(error.where ?? '');
    const place = trigger === null ? 'a trigger' : `the trigger function ${trigger}`;
    return `${nameOfMissing(error)} in ${place}: ${TRIGGER_REMEDY}`;
  }
  const remedy = REMEDIES.get(sqlstate) ?? 'run `npm run mirror -- doctor`';
  return `${nameOfMissing(error)}: ${remedy}`;
}

function nameOfMissing({ code, message, routine = '', where = '' }: DatabaseError): string {
  const inTrigger = where.includes('\n');
  const isNamed =
    NAMES_OF_STATEMENTS.includes(routine) ||
    (!inTrigger && NAMES_IN_OWN_STATEMENTS.includes(routine));
  // A statement that a trigger put together may name what a row holds.
  if (!isNamed || where.includes(' EXECUTE')) return `SQLSTATE ${code}`;
  return printable(message.split('\n')[0] ?? '').slice(0, 200);
}

/** A trigger's function has no arguments; what follows its line is what set it off. */
function triggerIn(where: string): string | null {
  const lines = where.split('\n');
  const own = lines.findIndex((line) => line.includes('"with claim as'));
  const line = own < 0 ? lines.at(-1) : lines[own - 1];
  return /([\w.$]+\(\))/.exec(line ?? '')?.[1] ?? null;
}
