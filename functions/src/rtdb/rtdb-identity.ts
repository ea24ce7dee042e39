import { z } from 'zod';
import { ConfigurationError } from '../errors/mirror-error';
import type { Statements } from '../postgres/statements';
import { query, type RowOf } from '../postgres/statements';

/** Which RTDB: what `mirror.identity` keeps. */
export interface RtdbIdentity {
  instance: string;
  /** As events name it, such as `firebaseio.com`; `emulator` for any emulator. */
  host: string;
}

const PARAMS = { instance: 'text', host: 'text' } as const;

/** Whether that is the RTDB which this database mirrors; the first that is asked about is. */
export const IS_OWN_RTDB = query({
  text: 'select mirror.is_own_rtdb($1, $2) as is_own',
  params: PARAMS,
  row: { isOwn: z.boolean() },
});

/** Which RTDB this database mirrors, and since when. No row until its first use. */
export const RTDB_IDENTITY = query({
  text: `
select instance, host, to_char(set_at at time zone 'UTC', 'YYYY-MM-DD') as set_on
from mirror.identity
`,
  params: {},
  row: { instance: z.string(), host: z.string(), setOn: z.string() },
});

/** `setOn` as `YYYY-MM-DD`, UTC. */
export type KnownIdentity = RowOf<typeof RTDB_IDENTITY>;

/** From now on this database mirrors that RTDB. For owners. */
export const ADOPT_RTDB = query({
  text: `
insert into mirror.identity (instance, host)
values ($1, $2)
on conflict on constraint identity_pkey do update
set instance = excluded.instance, host = excluded.host, set_at = clock_timestamp()
`,
  params: PARAMS,
  row: {},
});

/**
 * The identity of a database, by what an event or a setting says of it; null where that is not all.
 *
 * @param host with a port only where it is an emulator's, whose port may be another next time
 */
export function rtdbIdentity(instance: string | null, host: string | null): RtdbIdentity | null {
  if (instance === null || host === null) return null;
  return { instance, host: /:\d+$/.test(host) ? 'emulator' : host };
}

/** As people know it: its host name, or an emulator's instance. */
export function nameOfRtdb({ instance, host }: RtdbIdentity): string {
  return host === 'emulator' ? `${instance} of an emulator` : `${instance}.${host}`;
}

/** The settings name another RTDB than the database mirrors. Their names are no secret. */
class OtherRtdbError extends ConfigurationError {
  override name = 'OtherRtdbError';

  constructor(named: RtdbIdentity, own: RtdbIdentity) {
    const [settings, database] = [named, own].map(nameOfRtdb);
    super(`this database mirrors the RTDB ${database}, and the settings name ${settings}`, {
      code: 'OTHER_RTDB',
      remedy:
        'set RTDB_INSTANCE and RTDB_REGION, RTDB_URL or FIREBASE_DATABASE_EMULATOR_HOST to that one ' +
        '(or see docs/runbook.md, "Another RTDB")',
    });
  }
}

/**
 * Makes sure that an RTDB is the one which the database mirrors; the first that asks is. To be called
 * before anything is read or written.
 *
 * @param firstUse `leave`: for what only reads, and may have no right to write
 * @throws OtherRtdbError in one line, which names both; rejects as Postgres does
 */
export async function expectOwnRtdb(
  statements: Statements,
  named: RtdbIdentity,
  firstUse: 'set' | 'leave' = 'set',
): Promise<void> {
  const known = await RTDB_IDENTITY.first(statements);
  if (known !== null) return refuseOther(named, known);
  if (firstUse === 'leave') return;
  const { instance, host } = named;
  if ((await IS_OWN_RTDB.one(statements, { instance, host })).isOwn) return;
  // Somebody else was first, this moment.
  await expectOwnRtdb(statements, named, 'leave');
}

function refuseOther(named: RtdbIdentity, known: RtdbIdentity): void {
  if (named.instance === known.instance && named.host === known.host) return;
  throw new OtherRtdbError(named, known);
}
