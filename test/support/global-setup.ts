import { startTemplateServer, type TemplateServer } from './template-server';

declare global {
  var questTestPostgres: TemplateServer | undefined;
}

/** The server of the run: one of our own, or what DATABASE_URL names. */
export default async function globalSetup(): Promise<void> {
  const server = await startTemplateServer({ url: process.env.DATABASE_URL });
  globalThis.questTestPostgres = server;
  Object.assign(process.env, server.env);
}
