import type { Command } from 'commander';
import { openRtdb } from '../../deploy/from-environment';
import { postgresConfig, proofTimes, read, rtdbConfig } from '../../deploy/settings';
import { ConfigurationError, UsageError } from '../../errors/mirror-error';
import { formatCost } from '../../readings/reading-cost';
import { tokenFor } from '../../rtdb/rtdb-database';
import { settingText } from '../../values/setting-text';
import type { CommandContext, ExitCode, ExitWith, VerbContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { type Doctor, fail, isNotReady, skipped } from '../doctor/check';
import { costOfReadings } from '../doctor/cost';
import { type Deployment, discoverDeployment } from '../doctor/deployment';
import { type Examination, examine } from '../doctor/examine';
import { withPostgres } from '../open-postgres';
import { wholeNumber } from '../options';
import { jsonLine, printable } from '../printable';
import { readStores } from '../read-stores';

interface DoctorOptions {
  databaseUrlEnv: string;
  project?: string;
  instance?: string;
  sample: number;
  cost?: true;
  json?: true;
}

/** `mirror doctor`: checks a deployment. Exit code 0 = nothing fails, 1 = something, 2 = can't run. */
export function registerDoctor(program: Command, context: VerbContext, exitWith: ExitWith): void {
  const command = program
    .command('doctor')
    .description('check a deployment before it carries users; changes nothing')
    .option('--project <id>', 'Firebase project, or its alias (default: GCLOUD_PROJECT)')
    .option('--instance <id>', 'which instance of a function kit, where there are several')
    .option(
      '--sample <n>',
      'couples to read for the largest fan-out',
      wholeNumber('--sample', 1, 1_000_000),
      200,
    )
    .option(
      '--cost',
      'in place of checks: what RTDB bills for readings, measured on a few shards of each path',
    )
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: DoctorOptions) =>
    options.cost ? cost(options, context) : doctor(options, context, exitWith),
  );
}

async function doctor(
  options: DoctorOptions,
  { env, writeOut, writeError, declared }: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  postgresConfig(env, options.databaseUrlEnv);
  const name = options.project ?? env.GCLOUD_PROJECT ?? env.GOOGLE_CLOUD_PROJECT;
  const isEmulator = read(env, 'FIREBASE_DATABASE_EMULATOR_HOST') !== undefined;
  const deployment = await deploymentOf(name, isEmulator, options.instance);
  const here = 'values' in deployment ? deployedWith(env, deployment) : env;
  const postgres = postgresConfig(here, options.databaseUrlEnv);
  const examination = await readStores(() =>
    withPostgres(here, options.databaseUrlEnv, async (statements) =>
      examine({
        ...{ env, postgres, statements, deployment, isEmulator, declared },
        rtdb: await rtdbOf(here),
        sample: options.sample,
      }),
    ),
  );
  const code = exitCodeOf(examination);
  writeOut(options.json ? jsonLine({ exitCode: code, ...examination }) : format(examination));
  for (const { reason } of examination.unreachable) writeError(`mirror: ${reason}.\n`);
  exitWith(code);
}

/** Reads, and pays for, a few shards of each path. */
async function cost(
  options: DoctorOptions,
  { env, writeOut, declared }: VerbContext,
): Promise<void> {
  const { paths } = declared();
  const times = proofTimes(env);
  const rtdb = openRtdb(env);
  const report = await readStores(() =>
    withPostgres(env, options.databaseUrlEnv, async (statements) => {
      await rtdb.expectOwn(statements, 'leave');
      return costOfReadings({ statements, rtdb, paths, times });
    }),
  );
  writeOut(options.json ? jsonLine({ ...report }) : formatCost(report));
}

/** What a function would read, where the terminal does not say otherwise. */
function deployedWith(
  env: CommandContext['env'],
  { values, project }: Deployment,
): CommandContext['env'] {
  const set = Object.entries(env).filter(([, value]) => settingText(value) !== '');
  return { ...values, ...Object.fromEntries(set), GCLOUD_PROJECT: project };
}

async function deploymentOf(
  name: string | undefined,
  isEmulator: boolean,
  instance: string | undefined,
): Promise<Doctor['deployment']> {
  if (!name) {
    return skipped(
      'no project is named: --project, by its id or an alias of .firebaserc, or GCLOUD_PROJECT',
    );
  }
  if (!/^[\w-]+$/.test(name)) {
    throw new UsageError('--project: expected an id or an alias: letters, digits, _ and -');
  }
  try {
    return await discoverDeployment(name, isEmulator, instance);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (isNotReady(error)) return skipped(error.message);
    if (error instanceof ConfigurationError) {
      return fail(error.message, 'firebase deploy refuses it, too: correct that first');
    }
    const message = error instanceof Error ? error.message : String(error);
    return fail(printable(message.split('\n')[0] ?? ''), 'run npm run build and try again');
  }
}

async function rtdbOf(env: CommandContext['env']): Promise<Doctor['rtdb']> {
  try {
    const options = rtdbConfig(env);
    await tokenFor(options.database, options.accessToken);
    return options;
  } catch (error) {
    if (error instanceof ConfigurationError) return { problem: error.message };
    return { problem: 'no credentials for RTDB: Application Default Credentials are needed' };
  }
}

function exitCodeOf({ checks, unreachable }: Examination): ExitCode {
  if (unreachable.length > 0) return 2;
  return checks.some(({ status }) => status === 'fail') ? 1 : 0;
}

function format({ checks }: Examination): string {
  const lines = checks.map(({ status, name, finding, advice }) =>
    printable(`${status.padEnd(8)}${name}: ${finding}${advice ? `; ${advice}` : ''}`),
  );
  return `${lines.join('\n')}\n`;
}
