import type { Build } from './build';
import { type Databases, MIGRATIONS } from './databases';
import { type FunctionProcess, hasFunction, startFunction } from './function-process';
import { type Kind, kindOf, type Workload } from './load/workload';

/** A handler that is measured; all run in the same runtime with the same trigger options. */
export interface Contender {
  name: string;
  source: string;
  /** The function that takes the events of each kind; older code takes completions alone. */
  targets: { completions: string; documents: string | null };
  /** The folder of its database's migrations. */
  migrations: string;
  env: Record<string, string>;
  writes: boolean;
}

export interface RunningContender {
  contender: Contender;
  workload: Workload;
  database: string;
  process: FunctionProcess;
}

export const DO_NOTHING = 'do-nothing';
export const NAIVE_1 = 'naive-1';
export const NAIVE_10 = 'naive-10';
export const MIRROR = 'mirror';

/** Everyone who may run, the mirror's other versions last. */
export function contenders(build: Build): Contender[] {
  const beside = { source: build.handlers, migrations: MIGRATIONS };
  const nothing = { completions: 'doNothing', documents: 'doNothingWithDocuments' };
  const upsert = { completions: 'naiveUpsert', documents: 'naiveDocumentUpsert' };
  const naive = { ...beside, targets: upsert, writes: true };
  return [
    { name: DO_NOTHING, ...beside, targets: nothing, env: {}, writes: false },
    { name: NAIVE_1, ...naive, env: { NAIVE_POOL_MAX: '1' } },
    { name: NAIVE_10, ...naive, env: { NAIVE_POOL_MAX: '10' } },
    mirrorOf(MIRROR, build.functions, MIGRATIONS),
    ...[...build.variants].map(([name, { functions, migrations }]) =>
      mirrorOf(name, functions, migrations),
    ),
  ];
}

const DOCUMENTS_TRIGGER = 'mirrorYouOrMeSession';

function mirrorOf(name: string, source: string, migrations: string): Contender {
  const documents = hasFunction(source, DOCUMENTS_TRIGGER) ? DOCUMENTS_TRIGGER : null;
  const targets = { completions: 'mirrorQuestCompletion', documents };
  return { name, source, targets, migrations, env: {}, writes: true };
}

/** Whether a contender takes events of a workload. */
export function takes({ targets }: Contender, workload: Workload): boolean {
  return targets[kindOf(workload)] !== null;
}

/**
 * Starts a contender on a fresh database.
 *
 * @throws Error where the contender takes no such events
 */
export async function startContender(
  contender: Contender,
  databases: Databases,
  postgresPort: number,
  { profileDir, workload = 'completions' }: StartOptions = {},
): Promise<RunningContender> {
  const target = targetOf(contender, kindOf(workload));
  const database = `bench_${contender.name.replace(/[^a-z0-9]/g, '_')}`;
  await databases.create(database, contender.migrations);
  const env = {
    ...contender.env,
    QUEST_MIRROR_DATABASE_URL: databases.url(database, postgresPort),
  };
  const process = await startFunction({ source: contender.source, target, env, profileDir });
  return { contender, workload, database, process };
}

interface StartOptions {
  /** A folder for a CPU profile of the process. */
  profileDir?: string | undefined;
  workload?: Workload;
}

function targetOf({ name, targets }: Contender, kind: Kind): string {
  const target = targets[kind];
  if (target === null) throw new Error(`${name} has no function for ${kind}`);
  return target;
}
