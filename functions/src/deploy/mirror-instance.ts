import type { FlagWatch } from '../flag/flag-watch';
import { openFlag } from '../flag/open-flag';
import { readDeliveredEvent } from '../mirror/delivered-event';
import { SaidOnce } from '../mirror/findings';
import { HeldStore } from '../mirror/held-store';
import { logBatch } from '../mirror/log-batch';
import { logFailure } from '../mirror/log-failure';
import { type LogSettings, logOutcome } from '../mirror/log-outcome';
import { type MirrorContext, mirrorEvent } from '../mirror/mirror-event';
import { openMirrorStore } from '../mirror/mirror-store';
import { noteFlagChanges } from '../mirror/note-flag-change';
import type { Outcome } from '../mirror/outcome';
import { createPresentState } from '../mirror/present-state';
import { RoutineLines } from '../mirror/routine-lines';
import type { WrittenEvent } from '../mirror/written-event';
import type { MirroredPath } from '../paths/mirrored-path';
import { loggableFailure } from '../postgres/loggable-failure';
import { googleToken } from '../runtime/google-token';
import { postgresConfig, read, readSettings } from './settings';

/** Handles the events of one mirrored path. */
export interface MirrorInstance {
  /**
   * Mirrors one event and logs what became of it.
   *
   * @param event the CloudEvent as the platform delivers it
   * @returns rejects with what the platform is to retry
   */
  handle(event: unknown): Promise<void>;
}

/** What a function instance keeps between invocations: settings, and a store's connections. */
interface OpenMirror {
  context: MirrorContext;
  flag: FlagWatch;
  store: HeldStore;
  log: LogSettings;
  emulatorHost: string | undefined;
}

/**
 * The mirror of one path in this function instance. Settings are read, and all else is opened, by
 * the first event.
 *
 * @param paths the names of all paths
 */
export function createMirrorInstance(
  mirrored: MirroredPath,
  paths: readonly string[],
): MirrorInstance {
  let open: OpenMirror | null = null;

  function mirrorAndLog(event: WrittenEvent): Promise<void> {
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
  }

  return { handle: (event) => mirrorAndLog(readDeliveredEvent(event)) };
}

function openMirror(mirrored: MirroredPath, paths: readonly string[]): OpenMirror {
  const settings = readSettings(process.env);
  const { mirroringEnabled, connectionsMax, retentionDays } = settings;
  const { showsRefs, appliedSample } = settings;
  const store = new HeldStore(() =>
    openMirrorStore(mirrored, postgresConfig(process.env), connectionsMax, (batch) =>
      logBatch(mirrored.name, batch),
    ),
  );
  const emulatorHost = read(process.env, 'FIREBASE_DATABASE_EMULATOR_HOST');
  const names = { path: mirrored.name, paths };
  const flag: FlagWatch = openFlag(process.env, mirroringEnabled, names, (changes) =>
    noteFlagChanges(changes, flag, store),
  );
  const context = {
    mirrored,
    explainErasure: mirrored.loadExplainErasure?.() ?? null,
    isEnabled: (shard: string | null) => flag.isEnabled(shard),
    retentionDays,
    store: () => store.get(),
    rtdb: createPresentState(googleToken(), emulatorHost),
    said: new SaidOnce(),
  };
  const routineLines = new RoutineLines(appliedSample);
  const log = { path: mirrored.name, showsRefs, routineLines };
  return { context, flag, store, log, emulatorHost };
}

function mirrorNow(event: WrittenEvent, { context, flag, store, log }: OpenMirror): Promise<void> {
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
