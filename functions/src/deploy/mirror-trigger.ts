import type { Change, CloudFunction } from 'firebase-functions/v2/core';
import {
  type DatabaseEvent,
  type DataSnapshot,
  onValueWritten,
} from 'firebase-functions/v2/database';
import { onCustomEventPublished } from 'firebase-functions/v2/eventarc';
import { FlagWatch } from '../flag/flag-watch';
import { createDayOverwrite } from '../mirror/day-overwrite';
import { type DeliveredEvent, readDeliveredEvent } from '../mirror/delivered-event';
import { SaidOnce } from '../mirror/event-divergences';
import {
  type LogSettings,
  logBatch,
  logFailure,
  logOutcome,
  RoutineLines,
} from '../mirror/log-lines';
import { mirrorEvent } from '../mirror/mirror-event';
import { LazyStore, noteFlagChanges, openMirrorStore } from '../mirror/mirror-store';
import type { MirrorContext, Outcome } from '../mirror/outcome';
import { createPresentState } from '../mirror/present-state';
import type { MirroredPath } from '../paths/mirrored-path';
import { loggableFailure } from '../postgres/loggable-failure';
import { readBodiesByTurns } from '../runtime/body-turns';
import { openFlag } from './from-environment';
import { googleToken } from './google-token';
import {
  DATABASE_URL,
  MAX_INSTANCES,
  postgresConfig,
  RTDB_INSTANCE,
  RTDB_REGION,
  read,
  readSettings,
} from './settings';

/** A function that mirrors the writes of a path, as the SDK deploys it. */
export type MirrorTrigger = CloudFunction<DatabaseEvent<Change<DataSnapshot>>>;

/**
 * The trigger that mirrors every write of a path's leaves into Postgres; what fails is delivered
 * again.
 *
 * The SDK deploys it as `onValueWritten`, but the event is read by hand, from what was delivered (see
 * mirror/delivered-event.ts). `onCustomEventPublished` is the SDK's way to get an event as it came,
 * with its trace.
 *
 * @param paths the names of all paths
 */
export function mirrorTrigger(mirrored: MirroredPath, paths: readonly string[]): MirrorTrigger {
  readBodiesByTurns(mirrored.trigger);
  const mirrorAndLog = createHandler(mirrored, paths);
  const handle = onCustomEventPublished('any', (event) => mirrorAndLog(readDeliveredEvent(event)));
  const deployed = onValueWritten(
    {
      ref: mirrored.ref,
      instance: RTDB_INSTANCE,
      region: RTDB_REGION,
      retry: true,
      concurrency: 80,
      maxInstances: MAX_INSTANCES,
      memory: '256MiB',
      timeoutSeconds: 60,
      secrets: [DATABASE_URL],
    },
    () => {},
  );
  return Object.assign((event: Parameters<typeof handle>[0]) => handle(event), deployed);
}

/** What a function instance keeps between invocations: settings, and a store's connections. */
interface OpenMirror {
  context: MirrorContext;
  flag: FlagWatch;
  store: LazyStore;
  log: LogSettings;
  emulatorHost: string | undefined;
}

/**
 * Mirrors an event and logs what became of it; rejects with what the platform is to retry. Settings are
 * read, and all else is opened, by the first event.
 */
function createHandler(
  mirrored: MirroredPath,
  paths: readonly string[],
): (event: DeliveredEvent) => Promise<void> {
  let open: OpenMirror | null = null;
  return (event) => {
    try {
      open ??= openMirror(mirrored, paths);
    } catch (error) {
      // While the settings can't be read, nothing is shown that they might forbid.
      logFailure(error, event, { path: mirrored.name, showsRefs: false });
      throw error;
    }
    const mirror = open;
    // Emulators and their stand-ins say what they like, such as the host of production.
    if (mirror.emulatorHost && typeof event.databaseHost === 'string') {
      event.databaseHost = mirror.emulatorHost;
    }
    const due = mirror.flag.due();
    // Nearly always; see mirrorEvent for what a promise costs.
    if (due === null) return mirrorNow(event, mirror);
    return due.decided
      .then(
        () => mirrorNow(event, mirror),
        (error: unknown) => {
          logFailure(error, event, mirror.log);
          throw error;
        },
      )
      .finally(() => due.settled);
  };
}

function openMirror(mirrored: MirroredPath, paths: readonly string[]): OpenMirror {
  const settings = readSettings(process.env);
  const { mirroringEnabled, connectionsMax, retentionDays } = settings;
  const { showsRefs, appliedSample } = settings;
  const path = mirrored.name;
  const store = new LazyStore(() =>
    openMirrorStore(mirrored, postgresConfig(process.env), connectionsMax, (batch) =>
      logBatch(path, batch),
    ),
  );
  const emulatorHost = read(process.env, 'FIREBASE_DATABASE_EMULATOR_HOST');
  const flag: FlagWatch = new FlagWatch({
    path,
    look: openFlag(process.env, mirroringEnabled, paths),
    now: Date.now,
    onChanges: (changes) => noteFlagChanges(changes, flag, store),
  });
  const context = {
    mirrored,
    explainErasure: mirrored.erasureRule === 'quest_day' ? createDayOverwrite() : null,
    isEnabled: (shard: string | null) => flag.isEnabled(shard),
    retentionDays,
    store: () => store.get(),
    rtdb: createPresentState(googleToken(), emulatorHost),
    said: new SaidOnce(),
  };
  const log = { path, showsRefs, routineLines: new RoutineLines(appliedSample) };
  return { context, flag, store, log, emulatorHost };
}

function mirrorNow(
  event: DeliveredEvent,
  { context, flag, store, log }: OpenMirror,
): Promise<void> {
  store.enter();
  const leave = () => store.leave(flag.mode !== 'off');
  const onFailure = async (error: unknown) => {
    logFailure(error, event, log);
    await leave();
    throw loggableFailure(error);
  };
  const onOutcome = (outcome: Outcome) => {
    logOutcome(outcome, event, log);
    return leave();
  };
  try {
    return mirrorEvent(event, context, { onOutcome, onFailure });
  } catch (error) {
    return onFailure(error);
  }
}
