import { applicationDefault } from 'firebase-admin/app';
import type { Change } from 'firebase-functions/v2/core';
import type { DatabaseEvent, DataSnapshot } from 'firebase-functions/v2/database';
import { DATABASE_URL, readSettings } from './config';
import type { WrittenEvent } from './events/written-event';
import type { FlagChange, FlagWatch } from './flag/flag-watch';
import { openFlag } from './flag-instance';
import { openCompletionStore } from './mirror/completion-store';
import { HeldStore } from './mirror/held-store';
import { logBatch } from './mirror/log-batch';
import { logFailure } from './mirror/log-failure';
import { type LogSettings, logOutcome } from './mirror/log-outcome';
import { type MirrorContext, mirrorEvent } from './mirror/mirror-event';
import { noteFlagChange } from './mirror/note-flag-change';
import { RoutineLines } from './mirror/routine-lines';
import { clientConfig } from './postgres/client-config';
import { loggableFailure } from './postgres/loggable-failure';
import { createRtdbReader } from './rtdb/rtdb-reader';
import { hasChange } from './trigger-guard';

/** What one function instance keeps between invocations: settings, and a store's connections. */
let instance: Instance | null = null;

interface Instance {
  context: MirrorContext;
  flag: FlagWatch;
  store: HeldStore;
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
  const { mirroringEnabled, databaseAuthority, connectionsMax, retentionDays } = settings;
  const { showsRefs, appliedSample } = settings;
  const store = new HeldStore(() =>
    openCompletionStore(
      clientConfig(DATABASE_URL.value(), databaseAuthority),
      connectionsMax,
      logBatch,
    ),
  );
  const onChange = (change: FlagChange) => noteFlagChange(change, store);
  const flag = openFlag(process.env, mirroringEnabled, onChange);
  const isEnabled = (coupleId: string | null) => flag.isEnabled(coupleId);
  const context = { isEnabled, retentionDays, store: () => store.get(), rtdb };
  const log = { showsRefs, routineLines: new RoutineLines(appliedSample) };
  return { context, flag, store, log };
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
  try {
    instance ??= openInstance();
  } catch (error) {
    logFailure(error, event, CAUTIOUS);
    throw error;
  }
  const open = instance;
  const due = open.flag.due();
  // Nearly always; see mirrorEvent for what a promise costs.
  if (due === null) return mirrorNow(event, open);
  return due.decided.then(() => mirrorNow(event, open)).finally(() => due.settled);
}

function mirrorNow(event: WrittenEvent, { context, flag, store, log }: Instance): Promise<void> {
  store.enter();
  const leave = () => store.leave(flag.mode !== 'off');
  const fail = async (error: unknown) => {
    logFailure(error, event, log);
    await leave();
    throw loggableFailure(error);
  };
  try {
    return mirrorEvent(event, context).then((outcome) => {
      logOutcome(outcome, event, log);
      return leave();
    }, fail);
  } catch (error) {
    return fail(error);
  }
}
