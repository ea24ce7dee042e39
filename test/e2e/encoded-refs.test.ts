import { ANY_PORTS } from '../../local/emulator-ports';
import { startEmulators } from '../../local/emulators';
import { rtdbRest } from '../../local/rtdb-rest';
import { cloneDatabase } from '../support/database';
import { mirrorSuite } from './mirror-suite';
import type { Stage } from './stage';

let stage: Stage | null = null;

// The other suite has raw refs, where it has the stand-in: nobody told which form RTDB sends.
beforeAll(async () => {
  const database = await cloneDatabase();
  const emulators = await startEmulators({
    ...{ databaseUrl: database.url, ports: ANY_PORTS, databaseKind: 'stand-in' },
    refForm: 'encoded',
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

function started(): Stage {
  if (!stage) throw new Error('the emulators did not start');
  return stage;
}

describe('the mirror on the Firebase emulators, with percent-encoded refs', () =>
  mirrorSuite(started));
