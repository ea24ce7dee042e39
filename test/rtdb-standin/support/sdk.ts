import { createRequire } from 'node:module';
import { join } from 'node:path';
import { deleteApp, type FirebaseApp, initializeApp, setLogLevel } from '@firebase/app';
import { connectDatabaseEmulator, type Database, getDatabase } from '@firebase/database';
import type * as AdminApp from '../../../functions/node_modules/firebase-admin/lib/app';
import type * as AdminDatabase from '../../../functions/node_modules/firebase-admin/lib/database';
import type { RtdbStandin } from '../../../rtdb-standin/server';

/** Where a stand-in listens, or the official emulator in its place. */
export type DatabaseAddress = Pick<RtdbStandin, 'address' | 'host' | 'port'>;

export const NAMESPACE = 'demo-quests-default-rtdb';

const fromFunctions = createRequire(join(__dirname, '../../../functions/package.json'));
const adminApp: typeof AdminApp = fromFunctions('firebase-admin/app');
const adminDatabase: typeof AdminDatabase = fromFunctions('firebase-admin/database');

export const { ServerValue } = adminDatabase;
export type AdminDb = ReturnType<typeof adminDatabase.getDatabase>;

// The SDKs warn of each refusal, which the tests ask for.
const adminLogger: { setLogLevel(level: 'silent'): void } = fromFunctions('@firebase/logger');
setLogLevel('silent');
adminLogger.setLogLevel('silent');

let apps = 0;
const open: (() => Promise<void>)[] = [];

/** firebase-admin against the stand-in, found by the variable that the emulator suite sets. */
export function adminSdk(standin: DatabaseAddress, auth?: Record<string, unknown> | null): AdminDb {
  process.env.FIREBASE_DATABASE_EMULATOR_HOST = standin.address;
  apps += 1;
  const app = adminApp.initializeApp(
    {
      projectId: 'demo-quests',
      databaseURL: `http://${standin.address}?ns=${NAMESPACE}`,
      ...(auth !== undefined && { databaseAuthVariableOverride: auth }),
    },
    `admin-${apps}`,
  );
  open.push(() => adminApp.deleteApp(app));
  return adminDatabase.getDatabase(app);
}

/** The client SDK as the phones use it, signed in as `uid` or as nobody. */
export function clientSdk(standin: DatabaseAddress, uid?: string): Database {
  apps += 1;
  const app: FirebaseApp = initializeApp(
    { projectId: 'demo-quests', databaseURL: `http://${standin.address}?ns=${NAMESPACE}` },
    `client-${apps}`,
  );
  const database = getDatabase(app);
  const options = uid === undefined ? undefined : { mockUserToken: { sub: uid } };
  connectDatabaseEmulator(database, standin.host, standin.port, options);
  open.push(() => deleteApp(app));
  return database;
}

/** Closes every SDK that the test file opened. */
export async function closeSdks(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()));
}

/** An unsigned JWT, as the Auth emulator and `mockUserToken` make them. */
export function unsignedJwt(claims: Record<string, unknown>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}
