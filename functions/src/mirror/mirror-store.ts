import { write } from 'firebase-functions/logger';
import type { ClientConfig } from 'pg';
import { type FlagNote, NOTE_CANARY_EVENT, NOTE_FLAG } from '../coverage/coverage';
import { recordOutages } from '../coverage/outage-recorder';
import type { Divergence } from '../divergences/divergence-log';
import { RESOLVE_MISSED_EVENT } from '../divergences/missed-events';
import type { FlagChange, FlagWatch } from '../flag/flag-watch';
import type { MirroredPath } from '../paths/mirrored-path';
import { Connections } from '../postgres/connections';
import { sqlstateOf } from '../postgres/sqlstate';
import type { Statements } from '../postgres/statements';
import { IS_OWN_RTDB, type RtdbIdentity } from '../rtdb/rtdb-identity';
import type { ClaimVerdict } from './apply-claims';
import type { Claim } from './claim';
import { coalesceClaims, coalesceDivergences, type OnBatch, OwnSource } from './coalesced-writes';

/** Where the mirror writes. Every method rejects as Postgres, or the connection to it, does. */
export interface MirrorStore {
  /** Upserts a claim; the verdict says what became of it. Rejects with `RowRefused` for good. */
  apply(claim: Claim): Promise<ClaimVerdict>;
  record(divergence: Divergence): Promise<void>;
  /** Whether that is the RTDB which this database mirrors; the first that is asked about is. */
  isOwn(source: RtdbIdentity): Promise<boolean>;
  /** A claim that did not win came late: a divergence that missed its event may be resolved. */
  resolveMissedEvent(claim: Claim, verdict: ClaimVerdict): Promise<void>;
  /** A canary's event came. Never rejects: the next round of canaries finds the newest by itself. */
  noteCanary(eventTime: string, lagMs: number): Promise<void>;
  /** For statements that read: evidence that only one path has. */
  readonly statements: Statements;
  /** Notes in `mirror.coverage` what this instance sees of the flag. */
  noteFlag(note: FlagNote): Promise<void>;
  close(): Promise<void>;
}

/**
 * The store on Postgres: what concurrent invocations write is coalesced into shared statements.
 *
 * @param mirrored the path whose claims it applies
 * @param connectionsMax connections this instance may hold
 * @param onBatch told of every batch that was sent
 */
export function openMirrorStore(
  mirrored: MirroredPath,
  config: ClientConfig,
  connectionsMax: number,
  onBatch: OnBatch = () => {},
): MirrorStore {
  const connections = new Connections(config, connectionsMax);
  const statements = recordOutages(connections);
  const own = new OwnSource();
  const claims = coalesceClaims(mirrored, { connections, statements, own }, onBatch);
  const divergences = coalesceDivergences(mirrored, { connections, statements }, onBatch);
  return {
    apply: (claim) => claims.submit(claim),
    record: (divergence) => divergences.submit(divergence),
    async resolveMissedEvent({ ref, eventTime, before, eventId }, { states }) {
      await RESOLVE_MISSED_EVENT.run(statements, {
        ref,
        eventTime,
        fromHash: states.before,
        toHash: states.after,
        isFromKnown: before.known,
        eventId,
        path: mirrored.name,
      });
    },
    async noteCanary(eventTime, lagMs) {
      const came = { path: mirrored.name, eventTime, lagMs };
      await NOTE_CANARY_EVENT.run(statements, came).catch(() => {});
    },
    async isOwn(source) {
      if (own.is(source)) return true;
      const { instance, host } = source;
      const { isOwn } = await IS_OWN_RTDB.one(statements, { instance, host });
      if (isOwn) own.set(source);
      return isOwn;
    },
    statements,
    async noteFlag(note) {
      await NOTE_FLAG.run(statements, note);
    },
    close: () => connections.close(),
  };
}

/**
 * The store of an instance: opened by the first event that needs it, and closed again once mirroring is
 * off and the last event that was let through before is done.
 */
export class LazyStore {
  #store: MirrorStore | null = null;
  #users = 0;

  constructor(private readonly open: () => MirrorStore) {}

  get(): MirrorStore {
    this.#store ??= this.open();
    return this.#store;
  }

  enter(): void {
    this.#users += 1;
  }

  /** @returns what to await before answering; undefined = nothing */
  leave(isWanted: boolean): Promise<void> | undefined {
    this.#users -= 1;
    if (isWanted || this.#users > 0 || this.#store === null) return undefined;
    const store = this.#store;
    this.#store = null;
    // Not worth failing an event for: all that was sent has been answered.
    return store.close().catch(() => {});
  }
}

/**
 * Notes changes of the flag, or of one path's, in `mirror.coverage`, as the instance that saw them.
 * Switching off costs this one write, before the connection is closed; an instance that starts while it is
 * off connects to nothing. Not worth failing an event for: the canary notes what it sees every five minutes.
 */
export async function noteFlagChanges(
  changes: readonly FlagChange[],
  flag: Pick<FlagWatch, 'mode'>,
  store: LazyStore,
): Promise<void> {
  // At its first look an instance tells that mirroring is on, in case nobody has; an instance that starts while it is
  // off, or guesses, tells nothing.
  const told = changes.filter(
    ({ path, before, after, rule }) =>
      rule.isSure && (before !== null || (path === null && after !== 'off')),
  );
  if (told.length === 0) return;
  store.enter();
  try {
    for (const change of told) await store.get().noteFlag(noteOf(change));
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    write({ severity: 'WARNING', message: 'the change of the flag was not noted', sqlstate });
  } finally {
    await store.leave(flag.mode !== 'off');
  }
}

function noteOf(change: FlagChange): FlagNote {
  const { path, before, after, rule, beforeSinceMs, beforeUntilMs, seenAtMs } = change;
  return {
    path,
    seen: after,
    // Any time since it was last seen otherwise.
    since: new Date(before === null ? seenAtMs : beforeUntilMs),
    offSince: before === 'off' ? new Date(beforeSinceMs) : null,
    version: path === null ? rule.version : rule.paths.version,
    evidence: { by: 'mirror', ...(path === null ? rule.detail : {}) },
  };
}
