import type { Command } from 'commander';
import { ConfigurationError } from '../../functions/src/configuration-error';
import { accessTokenFor } from '../../functions/src/rtdb/access-token';
import { rtdbDatabase } from '../../functions/src/rtdb/rtdb-database';
import type { CommandContext, ExitCode, ExitWith } from '../context';
import { databaseUrlFrom, withDatabaseUrlOption } from '../database-url';
import { type Doctor, fail, skipped } from '../doctor/check';
import { discoverDeployment } from '../doctor/deployment';
import { type Examination, examine } from '../doctor/examine';
import { UsageError } from '../errors';
import { withPostgres } from '../open-postgres';
import { wholeNumber } from '../options';
import { jsonLine, printable } from '../printable';
import { readStores } from '../read-stores';

interface DoctorOptions {
  databaseUrlEnv: string;
  project?: string;
  sample: number;
  json?: true;
}

/** `mirror doctor`: checks a deployment. Exit code 0 = nothing fails, 1 = something, 2 = can't run. */
export function registerDoctor(
  program: Command,
  context: CommandContext,
  exitWith: ExitWith,
): void {
  const command = program
    .command('doctor')
    .description('check a deployment before it carries users; changes nothing')
    .option('--project <id>', 'Firebase project (default: GCLOUD_PROJECT)')
    .option(
      '--sample <n>',
      'couples to read for the largest fan-out',
      wholeNumber('--sample', 1, 1_000_000),
      200,
    )
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: DoctorOptions) =>
    doctor(options, context, exitWith),
  );
}

async function doctor(
  options: DoctorOptions,
  { env, writeOut, writeError }: CommandContext,
  exitWith: ExitWith,
): Promise<void> {
  const databaseUrl = databaseUrlFrom(env, options.databaseUrlEnv);
  const project = options.project ?? env.GCLOUD_PROJECT ?? env.GOOGLE_CLOUD_PROJECT;
  const deployment = await deploymentOf(project);
  const parameters = 'values' in deployment ? deployment.values : {};
  const examination = await readStores(() =>
    withPostgres(env, options.databaseUrlEnv, async (statements) =>
      examine({
        databaseUrl,
        authority: env.DATABASE_CA,
        statements,
        deployment,
        rtdb: await rtdbOf({
          ...parameters,
          ...env,
          ...(project ? { GCLOUD_PROJECT: project } : {}),
        }),
        isEmulator: Boolean(env.FIREBASE_DATABASE_EMULATOR_HOST),
        rtdbUrl: env.RTDB_URL,
        sample: options.sample,
      }),
    ),
  );
  const code = exitCodeOf(examination);
  writeOut(options.json ? jsonLine({ exitCode: code, ...examination }) : format(examination));
  for (const { reason } of examination.unreachable) writeError(`mirror: ${reason}.\n`);
  exitWith(code);
}

async function deploymentOf(project: string | undefined): Promise<Doctor['deployment']> {
  if (!project) return skipped('no project is named: --project, or GCLOUD_PROJECT');
  if (!/^[a-z0-9-]+$/.test(project)) {
    throw new UsageError('--project: expected a project id: letters, digits and -');
  }
  try {
    return await discoverDeployment(project);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return fail(printable(message.split('\n')[0] ?? ''), 'run npm run build and try again');
  }
}

async function rtdbOf(env: CommandContext['env']): Promise<Doctor['rtdb']> {
  try {
    const database = rtdbDatabase(env);
    const accessToken = accessTokenFor(env.FIREBASE_DATABASE_EMULATOR_HOST);
    await accessToken();
    return { database, accessToken };
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
