import { hash } from 'node:crypto';
import { ConfigurationError } from '../errors/mirror-error';
import { EXPECTED_DATE, isRealDate, isSaneDate } from '../values/event-time';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { keyIssues } from '../values/rtdb-key';
import { canonicalValue } from '../values/rtdb-value';
import { findUnstorable, unstorableIssue } from '../values/storable';
import { type Column, contextOf, holdColumn, type RtdbView } from './columns';
import type {
  ErasureRule,
  Leaf,
  LeafState,
  LogPlace,
  MirroredPath,
  ParsedPath,
  Remark,
} from './mirrored-path';
import { columnOfPart, type Parts, type Step, stepsOfRef } from './ref-pattern';
import { issuesOf, type StandardSchema } from './standard-schema';

/** What a team says of a path; all else follows from it (docs/paths.md). */
export interface Declaration<Name extends string, Trigger extends string, Ref extends string> {
  /** Its table in schema `rtdb`, its label, and what `--path` takes: `[a-z][a-z0-9_]{0,39}`. */
  name: Name;
  /** The exported function. */
  trigger: Trigger;
  /** The trigger's pattern. Its parts name the key columns; the first is the shard. */
  ref: Ref;
  /** What else a row shows, by column. */
  columns?: Readonly<Record<string, Column>>;
  /** Who may see a row: `couple`, or columns that hold a user's id. Nobody by default. */
  visibleTo?: 'couple' | readonly string[];
  /** The part that is a date, `YYYY-MM-DD`. */
  day?: Parts<Ref>;
  /** Whether a value means that nothing is there, as `false` may. */
  isGone?(value: Json): boolean;
  /** What is refused. Leave it out unless a leaf without it is worthless. */
  value?: StandardSchema;
  /** What the canary writes: something that `value` accepts. */
  canary?(ms: number): Json;
  /** Siblings of the ref's literals that nobody mirrors, on purpose. */
  ignored?: readonly string[];
  /** What people should know of a leaf that is mirrored all the same. */
  remark?(key: Readonly<Record<Parts<Ref>, string>>): Remark | null;
  /** How the mirror looks into removals that nobody may have meant; default: not at all. */
  erasureRule?: ErasureRule;
}

/** A declared path; its names are part of the type, so that a misspelt trigger doesn't compile. */
export type DeclaredPath<Name extends string = string, Trigger extends string = string> = Omit<
  MirroredPath,
  'name' | 'trigger'
> & { readonly name: Name; readonly trigger: Trigger };

/** Columns that every mirrored table has. */
export const VERSION_COLUMNS = [
  'payload',
  'origin',
  'event_id',
  'event_time',
  'deleted_at',
  'mirrored_at',
  'tie_settled',
];

const NO_DRIFT: readonly string[] = [];
/** What a column sees of a leaf that is not there. */
const NOTHING: RtdbView = Object.freeze(Object.create(null));

/**
 * Declares a mirrored path.
 *
 * @returns what the trigger, the command line and the checks need to know of it
 * @throws ConfigurationError that names the path and what was expected
 */
export function definePath<
  const Name extends string,
  const Trigger extends string,
  const Ref extends string,
>(declaration: Declaration<Name, Trigger, Ref>): DeclaredPath<Name, Trigger> {
  const { name, trigger, ref } = declaration;
  try {
    const steps = stepsOfRef(ref);
    refuseContradictions(declaration, steps);
    return {
      ...compiled(declaration, steps),
      name,
      trigger,
    };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError(`path ${JSON.stringify(name)}: ${error.message}`);
  }
}

/** What tells two declarations apart; `mirror.declaration_hash` computes the same. */
export function declarationHash({ name, ref, columns, visibleTo }: MirroredPath): string {
  const lists = [Object.keys(columns).sort(), [...visibleTo].sort()].map((list) => list.join(','));
  return hash('sha256', [name, ref, ...lists].join('\n'));
}

function refuseContradictions<Name extends string, Trigger extends string, Ref extends string>(
  declaration: Declaration<Name, Trigger, Ref>,
  steps: readonly Step[],
): void {
  const { name, trigger, columns = {}, day } = declaration;
  const parts = partsOf(steps);
  const names = [...parts.map(({ column }) => column), ...Object.keys(columns)];
  const complain = (complaint: string) => {
    throw new ConfigurationError(complaint);
  };
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) complain('name: expected [a-z][a-z0-9_]{0,39}');
  // It is a service's name too, and those are short: 63 characters with the kit's prefix.
  if (!/^[a-z][A-Za-z0-9]{0,39}$/.test(trigger))
    complain('trigger: expected [a-z][A-Za-z0-9]{0,39}');
  for (const column of names) {
    // One less than Postgres takes: a claim has them with `_` before.
    if (!/^[a-z][a-z0-9_]{0,61}$/.test(column)) {
      complain(`column ${JSON.stringify(column)}: expected [a-z][a-z0-9_]{0,61}`);
    }
    if (VERSION_COLUMNS.includes(column)) {
      complain(`column ${column}: the name is reserved; expected another`);
    }
    if (names.indexOf(column) !== names.lastIndexOf(column)) {
      complain(`column ${column}: two of the ref's parts and columns have this name`);
    }
  }
  if (day !== undefined && !parts.some(({ part }) => part === day)) {
    complain(`day: expected a part of the ref, not ${JSON.stringify(day)}`);
  }
  refuseViewers(declaration, parts, complain);
}

function refuseViewers<Name extends string, Trigger extends string, Ref extends string>(
  { columns = {}, visibleTo = [], day }: Declaration<Name, Trigger, Ref>,
  parts: readonly { column: string }[],
  complain: (complaint: string) => void,
): void {
  const keys = parts.map(({ column }) => column);
  const viewers = visibleTo === 'couple' ? keys.slice(0, 1) : visibleTo;
  for (const column of visibleTo === 'couple' ? [] : visibleTo) {
    // The rule of that name would win over the column, and show the row to more people.
    if (column === 'couple') complain("visibleTo: expected 'couple', or columns of other names");
    const type = Object.hasOwn(columns, column) ? columns[column]?.type : undefined;
    if (!keys.includes(column) && type === undefined)
      complain(`visibleTo: there is no column ${JSON.stringify(column)}`);
    // A subject is text, and so is a part.
    if (type !== undefined && type !== 'text')
      complain(`visibleTo: expected text in the column ${column}, not ${type}`);
  }
  if (day !== undefined && viewers.includes(columnOfPart(day))) {
    complain(`visibleTo: the day ${JSON.stringify(day)} holds no user`);
  }
}

function partsOf(steps: readonly Step[]): { part: string; column: string }[] {
  return steps.flatMap((step) => ('part' in step ? [step] : []));
}

function compiled<Ref extends string>(
  declaration: Declaration<string, string, Ref>,
  steps: readonly Step[],
): MirroredPath {
  const { name, trigger, ref, visibleTo = [], ignored = [], remark } = declaration;
  const day: string | undefined = declaration.day;
  const parts = partsOf(steps);
  const keyColumns = parts.map(({ column }) => column);
  const dayColumn = day === undefined ? null : columnOfPart(day);
  const columns = Object.entries(declaration.columns ?? {});
  const placeOf = (values: readonly string[]) => logPlace(keyColumns, dayColumn, values);
  return {
    name,
    trigger,
    ref,
    keyColumns,
    dayColumn,
    columns: Object.fromEntries(columns.map(([column, { type }]) => [column, type])),
    visibleTo: visibleTo === 'couple' ? ['couple'] : visibleTo,
    ignored,
    // The name is checked above: the only SQL that is made of one.
    applyStatement: `select * from mirror.apply_${name}($1::jsonb, $2, $3::jsonb)`,
    // Not `canary`: such a key is the canary of a path inside this one's documents, and would replace it.
    canary: declaration.canary ?? ((ms) => ({ written_ms: ms })),
    parsePath: pathParser(steps, ref, day, placeOf),
    parseValue: valueParser(declaration, columns),
    placeOf: ({ parts: values }) => placeOf(values),
    datedNodeOf: datedNodeFinder(steps, day, placeOf),
    remarkOf: remark === undefined ? () => null : ({ key }) => orElse(null, () => remark(key)),
    erasureRule: declaration.erasureRule ?? null,
  };
}

/** What a team's function says; one that throws would fail the event on every retry. */
function orElse<Answer>(otherwise: Answer, ask: () => Answer): Answer {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}

type PlaceOf = (values: readonly string[]) => LogPlace;

function logPlace(
  keyColumns: readonly string[],
  dayColumn: string | null,
  values: readonly string[],
): LogPlace {
  const key: JsonObject = {};
  keyColumns.forEach((column, place) => {
    const value = values[place];
    if (value !== undefined) key[column] = value;
  });
  const day = dayColumn === null ? undefined : key[dayColumn];
  return {
    shard: values[0] ?? null,
    day: typeof day === 'string' && isRealDate(day) ? day : null,
    key,
  };
}

/** The loop is over a ref's few steps; a regular expression would be no faster, and harder to read. */
function pathParser(
  steps: readonly Step[],
  ref: string,
  day: string | undefined,
  placeOf: PlaceOf,
): (path: string, asOf: string) => ParsedPath {
  const mismatch: ParsedPath = {
    ok: false,
    place: { shard: null, day: null, key: null },
    issues: [{ field: 'ref', message: `expected ${ref}` }],
  };
  return (path, asOf) => {
    const keys = path.split('/');
    if (keys.length !== steps.length) return mismatch;
    const leaf: { key: Record<string, string>; parts: string[] } = { key: {}, parts: [] };
    const issues: InputIssue[] = [];
    for (let place = 0; place < keys.length; place += 1) {
      const [key, step] = [keys[place], steps[place]];
      if (!key || !step) return mismatch;
      if ('literal' in step) {
        if (step.literal !== key) return mismatch;
        continue;
      }
      leaf.key[step.part] = key;
      leaf.parts.push(key);
      if (step.part !== day) issues.push(...keyIssues(step.part, key));
      else if (!isSaneDate(key, asOf)) issues.push({ field: day, message: EXPECTED_DATE });
    }
    return issues.length === 0
      ? { ok: true, leaf }
      : { ok: false, place: placeOf(leaf.parts), issues };
  };
}

function valueParser(
  { isGone, value: schema }: Pick<Declaration<string, string, string>, 'isGone' | 'value'>,
  columns: readonly [string, Column][],
): MirroredPath['parseValue'] {
  const show = (value: RtdbView, leaf: Leaf | null, eventTime: string, isShown: boolean) =>
    isShown ? shownColumns(columns, value, leaf, eventTime) : NOT_SHOWN;
  return (raw, leaf, eventTime, isShown = true) => {
    const value = canonicalValue(raw);
    if (value === null || (isGone !== undefined && orElse(false, () => isGone(value)))) {
      const shown = show(NOTHING, leaf, eventTime, isShown);
      return { ok: true, state: { payload: null, gone: value === null, ...shown } };
    }
    const unstorable = findUnstorable(value, 'value');
    const issues = unstorable === null ? issuesOf(schema, value) : [unstorableIssue(unstorable)];
    if (issues.length > 0) return { ok: false, value, issues };
    // Every field of it may be missing or of any type; reading one from `true` gives undefined.
    const view = value as unknown as RtdbView;
    const { columns: shown, drifted } = show(view, leaf, eventTime, isShown);
    return { ok: true, state: { payload: value, gone: false, columns: shown, drifted } };
  };
}

const NOT_SHOWN: Pick<LeafState, 'columns' | 'drifted'> = { columns: {}, drifted: NO_DRIFT };

function shownColumns(
  columns: readonly [string, Column][],
  value: RtdbView,
  leaf: Leaf | null,
  eventTime: string,
): Pick<LeafState, 'columns' | 'drifted'> {
  const context = contextOf(leaf?.key ?? null, eventTime);
  const shown: JsonObject = {};
  let drifted = NO_DRIFT;
  for (const [name, column] of columns) {
    const held = holdColumn(column, value, context);
    shown[name] = held.holds ? held.value : null;
    if (!held.holds) drifted = [...drifted, name];
  }
  return { columns: shown, drifted };
}

function datedNodeFinder(
  steps: readonly Step[],
  day: string | undefined,
  placeOf: PlaceOf,
): MirroredPath['datedNodeOf'] {
  if (day === undefined) return () => null;
  const place = steps.findIndex((step) => 'part' in step && step.part === day);
  const above = steps.slice(0, place + 1);
  return ({ key, parts }) => {
    const keys = above.map((step) => ('part' in step ? (key[step.part] ?? '') : step.literal));
    return { ref: keys.join('/'), day: key[day] ?? '', place: { ...placeOf(parts), key: null } };
  };
}
