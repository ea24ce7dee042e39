import { identityOf } from '../../rtdb/rtdb-database';
import {
  type KnownIdentity,
  nameOfRtdb,
  RTDB_IDENTITY,
  type RtdbIdentity,
} from '../../rtdb/rtdb-identity';
import { type Check, type Diagnosis, fail, ok, skipped } from './check';

/** Whether the RTDB that is named is the one which the database mirrors. Pure. */
function identityCheck(known: KnownIdentity | null, named: RtdbIdentity): Diagnosis {
  if (known === null) {
    return ok(`of none yet: the first event, run or canary makes it ${nameOfRtdb(named)}`);
  }
  const finding = `of ${nameOfRtdb(known)}, since ${known.setOn}`;
  if (known.instance === named.instance && known.host === named.host) return ok(finding);
  return fail(
    `${finding}; the settings name ${nameOfRtdb(named)}, whose events are refused`,
    'name that RTDB, or adopt the other one: docs/runbook.md, "Another RTDB"',
  );
}

/** Looks, and sets nothing. */
export const IDENTITY_CHECK: Check = {
  name: 'copy',
  needs: 'postgres',
  run: async ({ rtdb, statements }) =>
    'problem' in rtdb
      ? skipped(rtdb.problem)
      : identityCheck(await RTDB_IDENTITY.first(statements), identityOf(rtdb.database)),
};
