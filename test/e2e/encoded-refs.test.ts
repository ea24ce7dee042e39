import { COMPLETION_PATTERN } from '../../functions/src/paths/quest-completions/completion-path';
import { rtdbRest } from '../../local/rtdb-rest';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type Runtime, startRuntime } from '../support/runtime';
import { mirrorSuite } from './mirror-suite';

const PROJECT = 'demo-quests';
const NAMESPACE = `${PROJECT}-default-rtdb`;

let database: TestDatabase;
let standin: RtdbStandin;
let runtime: Runtime;

// The other suite has raw refs, where it has the stand-in: nobody told which form RTDB sends.
beforeAll(async () => {
  [database, standin] = await Promise.all([
    cloneDatabase(),
    startRtdbStandin({ refForm: 'encoded' }),
  ]);
  runtime = await startRuntime({ databaseUrl: database.url, rtdbHost: standin.address });
  standin.addTrigger({ refPattern: COMPLETION_PATTERN, eventTarget: runtime.url });
}, 60_000);

afterAll(async () => {
  await standin?.stop();
  await runtime?.stop();
  await database?.drop();
});

describe('the mirror on the production runtime, with percent-encoded refs', () =>
  mirrorSuite(() => ({
    database,
    emulators: { databaseHost: standin.address, projectId: PROJECT, namespace: NAMESPACE },
    rtdb: rtdbRest(standin.address, NAMESPACE),
  })));
