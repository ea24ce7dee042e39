import { postgresConfig, read, readSettings } from './config';
import { readDeliveredEvent } from './events/delivered-event';
import type { LogKey, MirroredPath } from './events/mirrored-path';
import type { WrittenEvent } from './events/written-event';
import type { FlagChange, FlagWatch } from './flag/flag-watch';
import { openFlag } from './flag-instance';
import { HeldStore } from './mirror/held-store';
import { logBatch } from './mirror/log-batch';
import { logFailure } from './mirror/log-failure';
import { type LogSettings, logOutcome } from './mirror/log-outcome';
import { type ExplainErasure, type MirrorContext, mirrorEvent } from './mirror/mirror-event';
import { openMirrorStore } from './mirror/mirror-store';
import { noteFlagChange } from './mirror/note-flag-change';
import type { Outcome } from './mirror/outcome';
import { RoutineLines } from './mirror/routine-lines';
import { loggableFailure } from './postgres/loggable-failure';
import { accessTokenFor } from './rtdb/access-token';
import { createRtdbReader } from './rtdb/rtdb-reader';

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
interface OpenMirror<Leaf extends LogKey> {
  context: MirrorContext<Leaf>;
  flag: FlagWatch;
  store: HeldStore<Leaf>;
  log: LogSettings;
}

/**
 * The mirror of one path in this function instance. Settings are read, and all else is opened, by
 * the first event.
 */
export function createMirrorInstance<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  explainErasure: ExplainErasure<Leaf> | null,
): MirrorInstance {
  let open: OpenMirror<Leaf> | null = null;

  function mirrorAndLog(event: WrittenEvent): Promise<void> {
    try {
      open ??= openMirror(mirrored, explainErasure);
    } catch (error) {
      // While the settings can't be read, nothing is shown that they might forbid.
      logFailure(error, event, { noun: mirrored.noun, showsRefs: false });
      throw error;
    }
    const mirror = open;
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

function openMirror<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  explainErasure: ExplainErasure<Leaf> | null,
): OpenMirror<Leaf> {
  const settings = readSettings(process.env);
  const { mirroringEnabled, connectionsMax, retentionDays } = settings;
  const { showsRefs, appliedSample } = settings;
  const store = new HeldStore(() =>
    openMirrorStore(mirrored, postgresConfig(process.env), connectionsMax, logBatch),
  );
  const emulatorHost = read(process.env, 'FIREBASE_DATABASE_EMULATOR_HOST');
  const onChange = (change: FlagChange) => noteFlagChange(change, store);
  const flag = openFlag(process.env, mirroringEnabled, onChange);
  const context = {
    mirrored,
    explainErasure,
    isEnabled: (coupleId: string | null) => flag.isEnabled(coupleId),
    retentionDays,
    store: () => store.get(),
    rtdb: createRtdbReader(accessTokenFor(emulatorHost), emulatorHost),
  };
  const routineLines = new RoutineLines(appliedSample);
  return { context, flag, store, log: { noun: mirrored.noun, showsRefs, routineLines } };
}

function mirrorNow<Leaf extends LogKey>(
  event: WrittenEvent,
  { context, flag, store, log }: OpenMirror<Leaf>,
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
