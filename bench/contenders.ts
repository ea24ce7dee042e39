import type { Build } from './build';
import type { Databases } from './databases';
import { type FunctionProcess, startFunction } from './function-process';

/** A handler that is measured; all run in the same runtime with the same trigger options. */
export interface Contender {
  name: string;
  source: string;
  target: string;
  env: Record<string, string>;
  writes: boolean;
}

export interface RunningContender {
  contender: Contender;
  database: string;
  process: FunctionProcess;
}

export const DO_NOTHING = 'do-nothing';
export const NAIVE_1 = 'naive-1';
export const NAIVE_10 = 'naive-10';
export const MIRROR = 'mirror';

/** Everyone who may run, the mirror's other versions last. */
export function contenders(build: Build): Contender[] {
  const mirror = { target: 'mirrorQuestCompletion', env: {}, writes: true };
  const naive = { source: build.handlers, target: 'naiveUpsert', writes: true };
  return [
    { name: DO_NOTHING, source: build.handlers, target: 'doNothing', env: {}, writes: false },
    { name: NAIVE_1, ...naive, env: { NAIVE_POOL_MAX: '1' } },
    { name: NAIVE_10, ...naive, env: { NAIVE_POOL_MAX: '10' } },
    { name: MIRROR, source: build.functions, ...mirror },
    ...[...build.variants].map(([name, source]) => ({ name, source, ...mirror })),
  ];
}

/** Starts a contender on a fresh database. */
export async function startContender(
  contender: Contender,
  databases: Databases,
  postgresPort: number,
  profileDir?: string,
): Promise<RunningContender> {
  const database = `bench_${contender.name.replace(/[^a-z0-9]/g, '_')}`;
  await databases.create(database);
  const env = {
    ...contender.env,
    QUEST_MIRROR_DATABASE_URL: databases.url(database, postgresPort),
  };
  const process = await startFunction({ ...contender, env, profileDir });
  return { contender, database, process };
}
