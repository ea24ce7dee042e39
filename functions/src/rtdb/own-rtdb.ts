import { ConfigurationError } from '../errors/mirror-error';
import type { Statements } from '../postgres/statements';
import { IS_OWN_RTDB, parseIdentity, parseIsOwn, READ_IDENTITY } from './identity';
import { nameOfRtdb, type RtdbIdentity } from './rtdb-identity';
import type { RtdbTree } from './rtdb-tree';

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
  const known = parseIdentity(await statements.run(READ_IDENTITY, []));
  if (known !== null) return refuseOther(named, known);
  if (firstUse === 'leave') return;
  if (parseIsOwn(await statements.run(IS_OWN_RTDB, [named.instance, named.host]))) return;
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
