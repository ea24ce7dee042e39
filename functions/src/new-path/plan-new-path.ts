import { ConfigurationError } from '../errors/mirror-error';
import { checkPaths } from '../paths/check-paths';
import { type Column, type ColumnType, json } from '../paths/columns';
import { definePath } from '../paths/define-path';
import type { MirroredPath } from '../paths/mirrored-path';
import { type Step, stepsOfRef } from '../paths/ref-pattern';
import { isRealDate } from '../values/event-time';
import { declarationFile, type PathDraft } from './declaration-file';
import { declaredSoFar, type MigratedPath } from './declared-so-far';
import { createTableMigration } from './migration-file';
import { nextMigrationFile } from './migration-name';
import { withPath } from './path-list';
import { constantOf, fileNameOf, nameOfLiterals, triggerOf } from './path-names';
import type { PlannedFile, Project } from './project';
import { type LeftOut, type ProposedColumn, proposeColumns } from './propose-columns';
import type { Sample } from './sample-tree';

/** What is asked for; what is left out follows from the ref and the sample. */
export interface NewPathRequest {
  ref: string;
  name?: string;
  trigger?: string;
  /** false = no part is a day. */
  day?: string | false;
  visibleTo?: 'couple' | readonly string[];
}

/** A path that is to be: what it is declared as, and the files that do it. */
export interface NewPathPlan {
  draft: PathDraft;
  path: MirroredPath;
  files: readonly PlannedFile[];
  leftOut: readonly LeftOut[];
  /** Keys beside the ref's literals that no path of the project mirrors or ignores. */
  siblings: readonly string[];
}

/** Parts that a day may be called. */
const DAY_PARTS = ['dateKey', 'date', 'day', 'dayKey'];

/**
 * The path without its columns: all that contradicts the project is found before RTDB is read, so that
 * no tree is read that is never to be mirrored. Pure.
 *
 * @throws ConfigurationError in one line
 */
export function draftPath(request: NewPathRequest, project: Project): PathDraft {
  const { ref } = request;
  const steps = stepsOfRef(ref);
  const migrated = declaredSoFar(project.migrations);
  const isTaken = (name: string) =>
    migrated.has(name) || project.paths.some((path) => path.name === name);
  const literals = steps.flatMap((step) => ('literal' in step ? [step.literal] : []));
  const name = request.name ?? nameOfLiterals(literals, isTaken);
  if (name === null) {
    throw new ConfigurationError(
      `ref ${JSON.stringify(ref)}: no name follows from it: choose one with --name`,
    );
  }
  const draft: PathDraft = {
    ref,
    name,
    trigger: request.trigger ?? triggerOf(name),
    day: request.day || null,
    columns: [],
    // Columns of the value may be meant: they are looked for once there are any.
    visibleTo: request.visibleTo === 'couple' ? 'couple' : [],
  };
  checkDraft(draft, project);
  refuseMigrated(name, ref, migrated);
  return { ...draft, visibleTo: request.visibleTo ?? defaultVisibleTo(steps) };
}

/**
 * What a new path takes: the declaration, the migration, and a line in the list. Pure.
 *
 * @param wantedDay as in the request
 * @throws ConfigurationError in one line
 */
export function planNewPath(
  drafted: PathDraft,
  wantedDay: NewPathRequest['day'],
  sample: Sample,
  project: Project,
  now: Date,
): NewPathPlan {
  const steps = stepsOfRef(drafted.ref);
  const keyColumns = steps.flatMap((step) => ('part' in step ? [step.column] : []));
  const { columns, leftOut } = proposeColumns(sample.documents, keyColumns);
  const day = wantedDay === undefined ? dayOf(steps, sample) : drafted.day;
  const draft = { ...drafted, day, columns };
  const path = checkDraft(draft, project);
  return {
    draft,
    path,
    files: filesOf(draft, path, project, now),
    leftOut,
    siblings: unknownSiblings(sample, steps, project.paths),
  };
}

function filesOf(
  draft: PathDraft,
  path: MirroredPath,
  { layout, listText, migrations, hasFile }: Project,
  now: Date,
): PlannedFile[] {
  const fileName = fileNameOf(draft.name);
  const constant = constantOf(draft.name, (name) => new RegExp(`\\b${name}\\b`).test(listText));
  const list = { file: layout.list, text: listText, opening: layout.listOpening };
  const declaration = `${layout.declarations}/${fileName}.ts`;
  if (hasFile(declaration)) {
    throw new ConfigurationError(`${declaration}: the file exists already; choose another --name`);
  }
  return [
    { file: declaration, text: declarationFile(draft, constant, layout.imports), isNew: true },
    {
      file: nextMigrationFile(layout.migrations, draft.name, migrations, now),
      text: createTableMigration(path),
      isNew: true,
    },
    {
      file: layout.list,
      text: withPath(list, constant, `${layout.listImports}${fileName}`),
      isNew: false,
    },
  ];
}

/** The declaration as it will be compiled, through all that its load would check. */
function checkDraft(draft: PathDraft, { paths, neverMirror }: Project): MirroredPath {
  const { name, trigger, ref, day, columns, visibleTo } = draft;
  const path = definePath({
    ...{ name, trigger, ref, visibleTo, columns: columnsOf(columns) },
    // The type knows the parts of a constant ref alone; the check knows these.
    ...(day === null ? {} : { day: day as never }),
  });
  checkPaths([...paths, path], neverMirror);
  return path;
}

function columnsOf(columns: readonly ProposedColumn[]): Record<string, Column> {
  const nothing = json(() => null);
  return Object.fromEntries(
    columns.map(({ column, type }): [string, Column & { type: ColumnType }] => [
      column,
      { ...nothing, type },
    ]),
  );
}

function refuseMigrated(
  name: string,
  ref: string,
  migrated: ReadonlyMap<string, MigratedPath>,
): void {
  const known = [...migrated].find(([other, path]) => other === name || path.ref === ref);
  if (known === undefined) return;
  const [other, { file, ref: otherRef }] = known;
  throw new ConfigurationError(
    `${file} makes the table of ${other}, ${otherRef}, and no path of the list has that ref: ` +
      'write or restore its declaration, and compile it',
  );
}

function dayOf(steps: readonly Step[], sample: Sample): string | null {
  const part = steps.find((step) => 'part' in step && DAY_PARTS.includes(step.part));
  if (part === undefined || !('part' in part)) return null;
  const keys = [...(sample.keys.get(part.part) ?? [])];
  return keys.every(isRealDate) ? part.part : null;
}

function defaultVisibleTo(steps: readonly Step[]): 'couple' | readonly string[] {
  const first = steps.find((step) => 'part' in step);
  return first !== undefined && 'part' in first && first.part === 'coupleId' ? 'couple' : [];
}

function unknownSiblings(
  sample: Sample,
  steps: readonly Step[],
  paths: readonly MirroredPath[],
): string[] {
  const first = steps[0];
  const known = paths
    .map((path) => ({ steps: stepsOfRef(path.ref), ignored: path.ignored }))
    .filter(({ steps: [root] }) => JSON.stringify(root) === JSON.stringify(first))
    .flatMap(({ steps: others, ignored }) => [
      ...ignored,
      ...others.flatMap((step) => ('literal' in step ? [step.literal] : [])),
    ]);
  return sample.siblings.filter((sibling) => !known.includes(sibling));
}
