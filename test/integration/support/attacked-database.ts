import { Client } from 'pg';
import { applyMigrations } from '../../../functions/src/cli/migrate/apply-migrations';
import { startOwnServer } from '../../support/own-server';
import { emptyDatabase, MIGRATIONS, queryOnce } from './empty-database';
import { createSupabaseRoles, grantLikeSupabase } from './supabase-roles';

export const ANNA = 'anna_1';
export const COUPLE = `${ANNA}_ben`;
export const DENIED = { code: '42501' };

/** PostgREST's login, which becomes `authenticated` for a request; the functions'; the API's own; nobody's. */
export type Login = 'authenticator' | 'mirror_functions' | 'mirror_api' | 'stranger';

type As = <T>(work: (client: Client) => Promise<T>) => Promise<T>;

export interface AttackedDatabase {
  url: string;
  /** A connection of the login's own: a superuser who plays a role by `set role` stays one. */
  connectAs(login: Login): Promise<Client>;
  /** Work of a login in one transaction, which is rolled back. */
  asLogin(login: Login): As;
  /** The same as PostgREST runs a request of Anna's. */
  asAnna: As;
  stop(): Promise<void>;
}

/** A migrated database like Supabase's, with rows of Anna's and of others. */
export async function startAttackedDatabase(): Promise<AttackedDatabase> {
  const server = await startOwnServer();
  await createSupabaseRoles(server.url);
  const { url } = await emptyDatabase(server.url);
  await grantLikeSupabase(url);
  await applyMigrations({ databaseUrl: url, directory: MIGRATIONS });
  await queryOnce(
    url,
    `alter role authenticator password 'x';
     create role stranger login password 'x';
     create role mirror_functions login password 'x' in role quest_mirror_writer;
     create role mirror_api login password 'x' in role quest_mirror_api;
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id,
        event_time, deleted_at)
     values
       ('${COUPLE}', '2025-11-20', 'q1', '${ANNA}', 'ben', now(), 'true', 'rtdb', 'e1', now(), null),
       ('${COUPLE}', '2025-11-20', 'gone', '${ANNA}', 'ben', now(), null, 'rtdb', 'e2', now(), now()),
       ('cleo_dora', '2025-11-20', 'q1', 'cleo', 'dora', now(), '"SECRET"', 'rtdb', 'e3', now(), null),
       ('odd', '2025-11-20', 'q1', 'eve', null, now(), '"SECRET"', 'rtdb', 'e4', now(), null)`,
  );

  const connectAs = async (login: Login) => {
    const at = new URL(url);
    at.username = login;
    at.password = 'x';
    const client = new Client({ connectionString: at.href });
    await client.connect();
    return client;
  };
  const asLogin =
    (login: Login): As =>
    async (work) => {
      const client = await connectAs(login);
      try {
        await client.query('begin');
        return await work(client);
      } finally {
        await client.end();
      }
    };
  const asAnna: As = (work) =>
    asLogin('authenticator')(async (client) => {
      await client.query('set local role authenticated');
      const claims = JSON.stringify({ sub: ANNA, role: 'authenticated' });
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [claims]);
      return work(client);
    });
  return { url, connectAs, asLogin, asAnna, stop: () => server.stop() };
}
