import { startTemplateServer, type TemplateServer } from '../template-server';
import { findPostgres15 } from './find-postgres-15.cjs';

declare global {
  var questTestPostgres15: TemplateServer | undefined;
}

/** The second server, beside that of ../global-setup.ts; use-postgres-15.ts turns its tests to it. */
export default async function globalSetup(): Promise<void> {
  const binFolder = findPostgres15();
  if (!binFolder) throw new Error('Postgres 15 is not installed: apt-get install postgresql-15');
  const server = await startTemplateServer({ binFolder });
  globalThis.questTestPostgres15 = server;
  process.env.QUEST_TEST_POSTGRES_15 = JSON.stringify(server.env);
}
