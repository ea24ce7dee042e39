import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QueryResultRow } from 'pg';
import { applyMigrations } from '../../../functions/src/cli/migrate/apply-migrations';
import { lpAwards } from '../../../functions/src/paths/lp-awards';
import { questCompletions } from '../../../functions/src/paths/quest-completions/quest-completions';
import type { LocalPostgres } from '../../../local/embedded-postgres';
import { type RtdbRest, rtdbRest } from '../../../local/rtdb-rest';
import { type RtdbStandin, startRtdbStandin } from '../../../rtdb-standin/server';
import { appUser, queryAs } from '../../app/support/app-database';
import { emptyDatabase, MIGRATIONS, queryOnce } from '../../integration/support/empty-database';
import { createSupabaseRoles } from '../../integration/support/supabase-roles';
import { OWNER, rest } from '../../rtdb-standin/support/rest';
import { NAMESPACE } from '../../rtdb-standin/support/sdk';
import { type CommandResult, runCommand } from '../../support/command';
import { startOwnServer } from '../../support/own-server';
import { type Runtime, startRuntime } from '../../support/runtime';
import { startTokenMint, type TokenMint } from '../../support/tokens';

const ROOT = join(__dirname, '..', '..', '..');
/** What is cut over. */
export const CUT_OVER = [questCompletions, lpAwards];

/** RTDB with its rules, the functions on the production runtime, and a Postgres whose owner is no superuser. */
export class Stage {
  private constructor(
    readonly standin: RtdbStandin,
    readonly rtdb: RtdbRest,
    readonly api: Runtime,
    readonly mint: TokenMint,
    private readonly server: LocalPostgres,
    private readonly ownerUrl: string,
    private readonly runtimes: Runtime[],
    private readonly canary: Runtime,
  ) {}

  static async start(): Promise<Stage> {
    const [server, standin, mint] = await Promise.all([
      startOwnServer(),
      startRtdbStandin(),
      startTokenMint(),
    ]);
    const ownerUrl = await makeDatabase(server.url);
    const databaseUrl = urlAs(ownerUrl, 'mirror_functions');
    const common = {
      databaseUrl,
      rtdbHost: standin.address,
      env: { SUPABASE_JWT_ISSUER: mint.supabaseIssuer },
    };
    const [api, canary, ...triggers] = await Promise.all([
      startRuntime({ ...common, target: 'mirrorApi' }),
      startRuntime({ ...common, target: 'mirrorCanary' }),
      ...CUT_OVER.map(({ trigger }) => startRuntime({ ...common, target: trigger })),
    ]);
    CUT_OVER.forEach(({ ref }, n) => {
      standin.addTrigger({ refPattern: ref, eventTarget: triggers[n]?.url ?? '' });
    });
    const rtdb = rtdbRest(standin.address, NAMESPACE);
    const runtimes = [api, canary, ...triggers];
    const stage = new Stage(standin, rtdb, api, mint, server, ownerUrl, runtimes, canary);
    await stage.deployRules(stage.rulesOfThisRepository());
    return stage;
  }

  rulesOfThisRepository(): string {
    return readFileSync(join(ROOT, 'database.rules.json'), 'utf8');
  }

  async deployRules(text: string): Promise<void> {
    const call = { method: 'PUT', headers: OWNER, text };
    expect(await rest(this.standin, '/.settings/rules.json', call)).toMatchObject({ status: 200 });
  }

  /** As the owner, who is no superuser; `psql`'s variables are filled in. */
  query<Row extends QueryResultRow>(
    sql: string,
    variables: Record<string, string> = {},
  ): Promise<Row[]> {
    const text = sql.replaceAll(/:'(\w+)'/g, (_, name: string) => `'${variables[name]}'`);
    return queryOnce<Row>(this.ownerUrl, text);
  }

  /** As PostgREST does it for a phone whose token names this user. */
  asUser<Row extends QueryResultRow>(
    sub: string,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return queryAs<Row>(urlAs(this.ownerUrl, 'authenticator'), appUser(sub), text, values);
  }

  /** A verb, as the owner. */
  verb(...args: string[]): Promise<CommandResult> {
    return runCommand(args, {
      DATABASE_URL: this.ownerUrl,
      FIREBASE_DATABASE_EMULATOR_HOST: this.standin.address,
      GCLOUD_PROJECT: 'demo-quests',
      RECONCILE_GRACE_SECONDS: '0',
    });
  }

  /** As Cloud Scheduler calls it every five minutes. */
  async flyCanaries(): Promise<void> {
    await fetch(this.canary.url, { method: 'POST' });
    await this.standin.eventsDelivered();
  }

  /** Nobody gets a connection while `work` goes on. */
  async withoutPostgres(work: () => Promise<void>): Promise<void> {
    const name = new URL(this.ownerUrl).pathname.slice(1);
    const admit = (isOpen: boolean) =>
      queryOnce(this.server.url, `alter database ${name} with allow_connections ${isOpen}`);
    await admit(false);
    await queryOnce(
      this.server.url,
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
      [name],
    );
    try {
      await work();
    } finally {
      await admit(true);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.runtimes.map((runtime) => runtime.stop()));
    await Promise.all([this.standin.stop(), this.mint.stop(), this.server.stop()]);
  }
}

/** Migrated by its owner, who may create roles and is no superuser, as on Supabase. */
async function makeDatabase(serverUrl: string): Promise<string> {
  await createSupabaseRoles(serverUrl);
  await queryOnce(serverUrl, `alter role authenticator password 'x'`);
  const { url } = await emptyDatabase(serverUrl);
  const name = new URL(url).pathname.slice(1);
  await queryOnce(serverUrl, `create role app_owner login password 'x' createrole`);
  await queryOnce(serverUrl, `alter database ${name} owner to app_owner`);
  const ownerUrl = urlAs(url, 'app_owner');
  await applyMigrations({ databaseUrl: ownerUrl, directory: MIGRATIONS });
  await queryOnce(
    ownerUrl,
    `create role mirror_functions login password 'x' in role quest_mirror_writer`,
  );
  return ownerUrl;
}

function urlAs(url: string, login: string): string {
  const changed = new URL(url);
  Object.assign(changed, { username: login, password: 'x' });
  return changed.href;
}
