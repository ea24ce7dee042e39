import { z } from 'zod';
import { ConfigurationError } from '../errors/mirror-error';
import { query, type RowOf, type Statements } from '../postgres/statements';
import { nameOfRtdb, type RtdbIdentity } from './rtdb-identity';
import type { RtdbTree } from './rtdb-tree';

/** Whether that is the RTDB which this database mirrors; the first that is asked about is. */
export const IS_OWN_RTDB = query({
  text: 'select mirror.is_own_rtdb($1, $2) as is_own',
  params: { instance: 'text', host: 'text' },
  row: { isOwn: z.boolean() },
});

/** Which RTDB this database mirrors, and since when. No row until its first use. */
export const OWN_RTDB = query({
  text: `
select instance, host, to_char(set_at at time zone 'UTC', 'YYYY-MM-DD') as set_on
from mirror.identity
`,
  params: {},
  row: {
    instance: z.string(),
    host: z.string(),
    /** `YYYY-MM-DD`, UTC. */
    setOn: z.string(),
  },
});
export type OwnRtdb = RowOf<typeof OWN_RTDB>;

/** From now on this database mirrors that RTDB. For owners. */
export const ADOPT_RTDB = query({
  text: `
insert into mirror.identity (instance, host)
values ($1, $2)
on conflict on constraint identity_pkey do update
set instance = excluded.instance, host = excluded.host, set_at = clock_timestamp()
`,
  params: { instance: 'text', host: 'text' },
  row: {},
});

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
  const known = await OWN_RTDB.first(statements);
  if (known !== null) return refuseOther(named, known);
  if (firstUse === 'leave') return;
  if ((await IS_OWN_RTDB.one(statements, named)).isOwn) return;
  // Somebody else was first, this moment.
  await expectOwnRtdb(statements, named, 'leave');
}

function refuseOther(named: RtdbIdentity, known: RtdbIdentity): void {
  if (named.instance === known.instance && named.host === known.host) return;
  throw new OtherRtdbError(named, known);
}

/**
 * A tree that is read only once it is known to be the one which the database mirrors.
 *
 * @param check rejects where it isn't; asked until it held
 */
export function onlyOwn(tree: RtdbTree, check: () => Promise<void>): RtdbTree {
  let holds = false;
  const checked = async (): Promise<void> => {
    if (!holds) await check();
    holds = true;
  };
  return {
    usage: tree.usage,
    listCouples: () => checked().then(() => tree.listCouples()),
    readDays: (...asked) => checked().then(() => tree.readDays(...asked)),
    readCompletions: (...asked) => checked().then(() => tree.readCompletions(...asked)),
    readLeaf: (...asked) => checked().then(() => tree.readLeaf(...asked)),
  };
}
