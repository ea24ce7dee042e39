import type { ClientConfig } from 'pg';
import { type FlagNote, NOTE_FLAG } from '../coverage/coverage';
import { recordOutages } from '../coverage/outage-recorder';
import type { Divergence } from '../divergences/divergence-log';
import { RESOLVE_MISSED_EVENT } from '../divergences/missed-events';
import type { MirroredPath } from '../paths/mirrored-path';
import { Connections } from '../postgres/connections';
import type { Statements } from '../postgres/statements';
import { IS_OWN_RTDB, parseIsOwn } from '../rtdb/identity';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
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
    async isOwn(source) {
      if (own.is(source)) return true;
      const isOwn = parseIsOwn(await statements.run(IS_OWN_RTDB, [source.instance, source.host]));
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
