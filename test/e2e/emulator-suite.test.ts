import type { DatabaseKind } from '../../local/database-emulator';
import { ANY_PORTS } from '../../local/emulator-ports';
import { startEmulators } from '../../local/emulators';
import { rtdbRest } from '../../local/rtdb-rest';
import { cloneDatabase } from '../support/database';
import { apiSuite } from './api-suite';
import { mirrorSuite } from './mirror-suite';
import { reconcileSuite } from './reconcile-suite';
import type { Stage } from './stage';

/** CI runs the suite with each, and a kind that can't be had is an error; default: what is there. */
const WANTED = process.env.QUEST_TEST_DATABASE_KIND;

let stage: Stage | null = null;

beforeAll(async () => {
  const database = await cloneDatabase();
  const emulators = await startEmulators({
    ...{ databaseUrl: database.url, ports: ANY_PORTS, withAuth: true },
    ...(WANTED ? { databaseKind: databaseKind(WANTED) } : {}),
    env: { RECONCILE_GRACE_SECONDS: '0' },
  });
  stage = {
    ...{ database, emulators },
    rtdb: rtdbRest(emulators.databaseHost, emulators.namespace),
  };
}, 120_000);

afterAll(async () => {
  await stage?.emulators.stop();
  await stage?.database.drop();
}, 30_000);

function databaseKind(wanted: string): DatabaseKind {
  if (wanted === 'official' || wanted === 'stand-in') return wanted;
  throw new Error(`QUEST_TEST_DATABASE_KIND must be official or stand-in, not ${wanted}`);
}

function started(): Stage {
  if (!stage) throw new Error('the emulators did not start');
  return stage;
}

// The guard on deploys of both is in the same file, and no emulator runs it.
test('the emulators have the rules and the Hosting of firebase.json', async () => {
  const { databaseHost, namespace, hostingOrigin } = started().emulators;
  const read = await fetch(`http://${databaseHost}/daily_quests.json?ns=${namespace}`);
  expect([read.status, await read.json()]).toEqual([401, { error: 'Permission denied' }]);
  const robots = await fetch(`${hostingOrigin}/robots.txt`);
  expect([robots.status, await robots.text()]).toEqual([200, expect.stringContaining('Disallow')]);
});

// In this order: the first shows a dashboard before any reading, the second counts all that there is.
describe('the API and the dashboard on the Firebase emulators', () => apiSuite(started));
describe('the scheduled functions on the Firebase emulators', () => reconcileSuite(started));
describe('the mirror on the Firebase emulators', () => mirrorSuite(started));
