import type { ChangePlan } from '../../new-path/plan-change';
import type { NewPathPlan } from '../../new-path/plan-new-path';
import type { PlannedFile } from '../../new-path/project';
import type { Sample } from '../../new-path/sample-tree';

/** What a new path's output tells besides its files. */
export interface NewPathAnswer {
  plan: NewPathPlan;
  sample: Sample;
  /** Where the sample comes from. */
  from: string;
  /** Whether Postgres was asked for a table of that name; else why not. */
  database: string | null;
  nextSteps: readonly string[];
  dryRun: boolean;
}

/** A new path for people. Pure. */
export function formatNewPath(answer: NewPathAnswer): string {
  const { plan, sample, from, database, nextSteps, dryRun } = answer;
  const { draft, leftOut, siblings, files, path } = plan;
  const visible = draft.visibleTo === 'couple' ? 'the couple' : draft.visibleTo.join(', ');
  return paragraph([
    `${draft.ref} is mirrored by ${draft.trigger} into rtdb.${draft.name}.`,
    `  key: ${path.keyColumns.join(', ')}; day: ${draft.day ?? 'none'}; visible to ${visible || 'nobody'}`,
    `  seen: ${seen(sample, from)}`,
    ...draft.columns.map(({ column, type, field }) =>
      field === null ? `  column ${column} ${type}` : `  column ${column} ${type}, from ${field}`,
    ),
    ...(draft.columns.length === 0 ? ['  no columns: all is in payload'] : []),
    ...leftOut.map(({ field, why }) => `  left in payload: ${field} (${why})`),
    ...siblingLines(siblings),
    ...(database === null
      ? []
      : [`  not checked whether Postgres has a table of that name: ${database}`]),
    ...fileLines(files, dryRun),
    ...(dryRun ? [] : [`Next: ${nextSteps.join('; ')}.`]),
  ]);
}

/** A declared path's change for people. Pure. */
export function formatChange(name: string, plan: ChangePlan, dryRun: boolean): string {
  if (plan.kind === 'nothing') {
    return `${name} is declared and migrated as it is: nothing to do.\n`;
  }
  return paragraph([
    ...(plan.kind === 'table'
      ? [`${name} is declared, and no migration makes its table yet.`]
      : changeLines(name, plan)),
    ...fileLines(plan.files, dryRun),
    ...(dryRun ? [] : ['Next: migrate, then deploy.']),
  ]);
}

function changeLines(name: string, { change }: Extract<ChangePlan, { kind: 'change' }>): string[] {
  const { added, declaredAgain, dropped, visibleToChanged } = change;
  return [
    `The declaration of ${name} has changed.`,
    ...added.map(
      ({ column, type }) => `  new column ${column} ${type}; null in rows that are there`,
    ),
    ...declaredAgain.map(
      (column) => `  column ${column} is declared again; the table still has it`,
    ),
    ...dropped.map((column) => `  column ${column} is no longer declared; the table keeps it`),
    ...(visibleToChanged ? ['  who may see its rows changes'] : []),
  ];
}

function seen({ documents, tooLarge }: Sample, from: string): string {
  if (from.startsWith('no sample')) return from;
  const more = tooLarge === 0 ? '' : `; ${tooLarge} more were too large to be read`;
  return `${documents.length} values in ${from}${more}`;
}

function siblingLines(siblings: readonly string[]): string[] {
  if (siblings.length === 0) return [];
  const list = siblings.map((sibling) => `'${sibling}'`).join(', ');
  return [
    `  siblings that nobody mirrors: ${siblings.join(', ')}; if that is on purpose, add:`,
    `    ignored: [${list}],`,
  ];
}

function fileLines(files: readonly PlannedFile[], dryRun: boolean): string[] {
  if (!dryRun)
    return files.map(({ file, isNew }) => `${isNew ? 'wrote' : 'added a line to'} ${file}`);
  return files.flatMap(({ file, text, isNew }) => [
    '',
    `-- would ${isNew ? 'write' : 'change'} ${file}`,
    text.trimEnd(),
  ]);
}

function paragraph(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
