import { type Database, ref, remove, set, update } from '@firebase/database';
import { type RtdbStandin, startRtdbStandin } from '../../../rtdb-standin/server';
import type { DatabaseEvent } from '../../../rtdb-standin/triggers/database-event';
import { OWNER, rest } from '../../rtdb-standin/support/rest';
import { type AdminDb, adminSdk, clientSdk, NAMESPACE } from '../../rtdb-standin/support/sdk';
import type { JsonValue } from '../../support/cloud-event';
import type { AppFixture, AppPath, AppWrite } from './app-fixtures';
import { serverTimes } from './server-times';

/** What an event was sent to, and which write it comes from. */
export interface CapturedEvent {
  /** The write's; 0: the state before the writes was loaded. */
  readonly n: number;
  /** The path whose trigger it is for. */
  readonly name: string;
  readonly event: DatabaseEvent;
}

/** The app's writes, made on a stand-in that goes on running, for tests that read RTDB. */
export interface AppPlay {
  readonly standin: RtdbStandin;
  /** In the order of the writes; those of one write in the order of the paths. */
  readonly events: readonly CapturedEvent[];
  /** RTDB as it exports itself, after the writes. */
  readonly tree: JsonValue;
  /** Ends the stand-in; `closeSdks` before it. */
  stop(): Promise<void>;
}

const OPEN = '{"rules": {".read": true, ".write": true}}';

/**
 * Loads a fixture's state into a stand-in under the app's open rules and makes its writes, one after
 * another, by the SDKs that the app makes them by. The clock is the fixture's: see `serverTimes`.
 *
 * @param paths whose events are captured
 */
export async function playApp(fixture: AppFixture, paths: readonly AppPath[]): Promise<AppPlay> {
  const events: CapturedEvent[] = [];
  const times = serverTimes(fixture);
  let n = 0;
  let now = times[0] ?? 0;
  const standin = await startRtdbStandin({
    rules: { [NAMESPACE]: OPEN },
    now: () => now,
    triggers: paths.map(({ name, ref: refPattern }) => ({
      refPattern,
      eventTarget: (event) => void events.push({ n, name, event }),
    })),
  });
  await rest(standin, '/.json', { method: 'PUT', headers: OWNER, body: fixture.before });
  await standin.eventsDelivered();
  const phone = clientSdk(standin);
  const admin = adminSdk(standin);
  for (const [index, write] of fixture.writes.entries()) {
    n = write.n;
    now = times[index] ?? now;
    await (write.auth === 'admin' ? writeAsAdmin(admin, write) : writeAsPhone(phone, write));
    await standin.eventsDelivered();
  }
  const { body } = await rest(standin, '/.json', { headers: OWNER });
  return { standin, events, tree: body as JsonValue, stop: () => standin.stop() };
}

function writeAsPhone(phone: Database, { op, path, value }: AppWrite): Promise<void> {
  const node = ref(phone, path);
  if (op === 'remove') return remove(node);
  return op === 'set' ? set(node, value) : update(node, value as object);
}

function writeAsAdmin(admin: AdminDb, { op, path, value }: AppWrite): Promise<void> {
  const node = admin.ref(path);
  if (op === 'remove') return node.remove();
  return op === 'set' ? node.set(value) : node.update(value as object);
}
