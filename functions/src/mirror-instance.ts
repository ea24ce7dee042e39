import { applicationDefault } from 'firebase-admin/app';
import type { Change } from 'firebase-functions/v2/core';
import type { DatabaseEvent, DataSnapshot } from 'firebase-functions/v2/database';
import { DATABASE_URL, readSettings } from './config';
import { type CompletionStore, openCompletionStore } from './mirror/completion-store';
import { logBatch } from './mirror/log-batch';
import { logFailure } from './mirror/log-failure';
import { type LogSettings, logOutcome } from './mirror/log-outcome';
import { type MirrorContext, mirrorEvent } from './mirror/mirror-event';
import { RoutineLines } from './mirror/routine-lines';
import { clientConfig } from './postgres/client-config';
import type { WrittenEvent } from './quests/written-event';
import { createRtdbReader } from './rtdb/rtdb-reader';
import { hasChange } from './trigger-guard';

/** What one function instance keeps between invocations: settings, and a store's connections. */
let instance: Instance | null = null;

interface Instance {
  context: MirrorContext;
  log: LogSettings;
}

/** While the settings can't be read, nothing is shown that they might forbid. */
const CAUTIOUS = { showsRefs: false };

const rtdb = createRtdbReader(async () => {
  if (process.env.FIREBASE_DATABASE_EMULATOR_HOST) return 'owner';
  return (await applicationDefault().getAccessToken()).access_token;
}, process.env.FIREBASE_DATABASE_EMULATOR_HOST);

function openInstance(): Instance {
  const settings = readSettings(process.env);
  let store: CompletionStore | null = null;
  const context: MirrorContext = {
    isEnabled: () => settings.mirroringEnabled,
    retentionDays: settings.retentionDays,
    store() {
      store ??= openCompletionStore(
        clientConfig(DATABASE_URL.value(), settings.databaseAuthority),
        settings.connectionsMax,
        logBatch,
      );
      return store;
    },
    rtdb,
  };
  const { showsRefs, appliedSample } = settings;
  return { context, log: { showsRefs, routineLines: new RoutineLines(appliedSample) } };
}

/**
 * Mirrors one event as the platform delivers it, and logs what became of it.
 *
 * @throws what may succeed later; the platform then delivers the event again
 */
export function handleWrite(event: DatabaseEvent<Change<DataSnapshot>>): Promise<void> {
  return mirrorAndLog({
    id: event.id,
    time: event.time,
    ref: event.ref,
    structured: 'datacontenttype' in event,
    hasData: true,
    before: event.data.before.val(),
    after: event.data.after.val(),
    instance: event.instance,
    databaseHost: event.firebaseDatabaseHost,
    authType: event.authType,
    authId: event.authId,
  });
}

/** Refuses an event that the SDK itself can't read, before it is delivered for a whole day. */
export function refuseUnreadable(raw: Record<string, unknown>): Promise<void> {
  return mirrorAndLog({
    id: raw.id,
    time: raw.time,
    ref: raw.ref,
    structured: 'datacontenttype' in raw,
    hasData: hasChange(raw.data),
    before: null,
    after: null,
    instance: raw.instance,
    databaseHost: raw.firebasedatabasehost,
    authType: raw.authtype,
    authId: raw.authid,
  });
}

function mirrorAndLog(event: WrittenEvent): Promise<void> {
  const fail = (error: unknown): never => {
    logFailure(error, event, instance?.log ?? CAUTIOUS);
    throw error;
  };
  try {
    instance ??= openInstance();
    const { context, log } = instance;
    return mirrorEvent(event, context).then((outcome) => logOutcome(outcome, event, log), fail);
  } catch (error) {
    return fail(error);
  }
}
