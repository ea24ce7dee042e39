import { queryOnce } from './empty-database';

/**
 * What Supabase's image does to roles before anybody's migration, as far as it matters here: the
 * roles of its API, and default privileges that give them everything on new tables in public.
 */
const SUPABASE_ROLES = `
  create role anon nologin noinherit;
  create role authenticated nologin noinherit;
  create role service_role nologin noinherit bypassrls;
  create role authenticator login noinherit;
  grant anon, authenticated, service_role to authenticator;
`;

const SUPABASE_GRANTS = `
  grant usage on schema public to anon, authenticated, service_role;
  alter default privileges in schema public
    grant all on tables to anon, authenticated, service_role;
  grant all on all tables in schema public to anon, authenticated, service_role;
`;

/** Once a server. */
export async function createSupabaseRoles(url: string): Promise<void> {
  await queryOnce(url, SUPABASE_ROLES);
}

/** Once a database, as the role that will migrate it. */
export async function grantLikeSupabase(url: string): Promise<void> {
  await queryOnce(url, SUPABASE_GRANTS);
}
