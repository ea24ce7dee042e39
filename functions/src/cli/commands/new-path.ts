import type { Command } from 'commander';
import { ConfigurationError, UsageError } from '../../errors/mirror-error';
import { planChange } from '../../new-path/plan-change';
import { draftPath, type NewPathRequest, planNewPath } from '../../new-path/plan-new-path';
import { EMPTY_SAMPLE, type Sample, samplePath, type TreeSource } from '../../new-path/sample-tree';
import type { MirroredPath } from '../../paths/mirrored-path';
import { stepsOfRef } from '../../paths/ref-pattern';
import { ConnectError } from '../../postgres/connect-error';
import { query } from '../../postgres/statements';
import { RtdbReadError } from '../../rtdb/rtdb-client';
import { settingText } from '../../values/setting-text';
import type { CommandContext, VerbContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { formatChange, formatNewPath } from '../new-path/format-plan';
import { type OpenProject, openProject, writeFiles } from '../new-path/open-project';
import { openSample } from '../new-path/open-sample';
import { withPostgres } from '../open-postgres';
import { jsonLine } from '../printable';

/** A table or view of schema `rtdb`. */
const TABLE = query({
  text: `
select from pg_catalog.pg_class as c
where c.relname = $1::text and c.relnamespace = to_regnamespace('rtdb')
`,
  params: { name: 'text' },
  row: {},
});

interface NewPathOptions {
  databaseUrlEnv: string;
  name?: string;
  trigger?: string;
  day?: string | false;
  visibleTo?: string;
  /** false = none; undefined = from RTDB, where the environment names one. */
  sample?: string | false;
  dryRun?: true;
  json?: true;
}

/** `mirror new-path REF`: writes what one more mirrored path takes, or what a changed one lacks. */
export function registerNewPath(program: Command, context: VerbContext): void {
  const command = program
    .command('new-path')
    .description("write a new path's declaration, migration and line, or a declared one's change")
    .argument('<ref>', "its pattern in RTDB: 'lp_awards/{coupleId}/{awardId}'")
    .option('--name <name>', 'its table, label and --path (default: by the literals of the ref)')
    .option('--trigger <name>', 'the exported function (default: mirror and the name)')
    .option(
      '--day <part>',
      'the part that is a date (default: by its name, where the keys are dates)',
    )
    .option('--no-day', 'no part is a date')
    .option(
      '--visible-to <whom>',
      'couple, nobody, or columns that hold a user, comma-separated (default: couple where the first part is coupleId, else nobody)',
    )
    .option('--sample <file>', 'propose columns from an export of RTDB (default: from RTDB itself)')
    .option('--no-sample', 'propose no columns')
    .option('--dry-run', 'print what would be written, write nothing')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((ref: string, options: NewPathOptions) =>
    newPath(ref, options, context),
  );
}

async function newPath(ref: string, options: NewPathOptions, context: VerbContext): Promise<void> {
  const project = await openProject(process.cwd(), context.declared);
  const declared = project.paths.find((path) => path.ref === ref);
  if (declared === undefined) await addPath(ref, options, project, context);
  else changePath(declared, options, project, context);
}

function changePath(
  path: MirroredPath,
  options: NewPathOptions,
  project: OpenProject,
  { writeOut }: CommandContext,
): void {
  const { name, trigger, day, visibleTo } = options;
  if ([name, trigger, day, visibleTo].some((option) => option !== undefined)) {
    throw new UsageError(
      `${path.name} is declared with this ref: change its declaration, and run this without options`,
    );
  }
  const dryRun = options.dryRun === true;
  const plan = planChange(path, project, new Date());
  const files = plan.kind === 'nothing' ? [] : plan.files;
  if (!dryRun) writeFiles(project.root, files);
  const change = plan.kind === 'change' ? plan.change : {};
  writeOut(
    options.json
      ? jsonLine({ plan: plan.kind, path: path.name, ...change, files, dryRun })
      : formatChange(path.name, plan, dryRun),
  );
}

async function addPath(
  ref: string,
  options: NewPathOptions,
  project: OpenProject,
  { env, writeOut }: CommandContext,
): Promise<void> {
  const request = requestOf(ref, options);
  const draft = draftPath(request, project);
  const database = await refuseTable(draft.name, options, env);
  const { source, from } = openSample(options.sample, env);
  const sample = source === null ? EMPTY_SAMPLE : await readSample(ref, source);
  const plan = planNewPath(draft, request.day, sample, project, new Date());
  const dryRun = options.dryRun === true;
  if (!dryRun) writeFiles(project.root, plan.files);
  const { leftOut, siblings, files } = plan;
  const { nextSteps } = project.layout;
  const seen = { from, values: sample.documents.length, tooLarge: sample.tooLarge };
  writeOut(
    options.json
      ? jsonLine({ plan: 'new', path: plan.draft, seen, leftOut, siblings, files, dryRun })
      : formatNewPath({ plan, sample, from, database, nextSteps, dryRun }),
  );
}

async function readSample(ref: string, source: TreeSource): Promise<Sample> {
  try {
    return await samplePath(stepsOfRef(ref), source);
  } catch (error) {
    if (!(error instanceof RtdbReadError)) throw error;
    throw new ConfigurationError(error.message, {
      remedy: '--sample FILE reads an export, and with --no-sample nothing is asked',
      cause: error,
    });
  }
}

function requestOf(ref: string, options: NewPathOptions): NewPathRequest {
  const { name, trigger, day, visibleTo } = options;
  return {
    ref,
    ...(name === undefined ? {} : { name }),
    ...(trigger === undefined ? {} : { trigger }),
    ...(day === undefined ? {} : { day }),
    ...(visibleTo === undefined ? {} : { visibleTo: viewersOf(visibleTo) }),
  };
}

function viewersOf(text: string): 'couple' | string[] {
  if (text === 'couple') return text;
  return text === 'nobody' ? [] : text.split(',').map((column) => column.trim());
}

/**
 * Refuses a name that a table of schema `rtdb` has already.
 *
 * @returns why Postgres was not asked; null = it was
 */
async function refuseTable(
  name: string,
  { databaseUrlEnv }: NewPathOptions,
  env: CommandContext['env'],
): Promise<string | null> {
  if (settingText(env[databaseUrlEnv]) === '') return `${databaseUrlEnv} is not set`;
  try {
    const table = await withPostgres(env, databaseUrlEnv, (statements) =>
      TABLE.first(statements, { name }),
    );
    if (table === null) return null;
  } catch (error) {
    if (error instanceof ConnectError) return error.message;
    throw error;
  }
  throw new ConfigurationError(`rtdb.${name} is a table or view in Postgres already`, {
    remedy: 'choose another name with --name',
  });
}
