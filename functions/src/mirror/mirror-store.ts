import type { ClientConfig } from 'pg';
import type { LogKey, MirroredPath } from '../events/mirrored-path';
import { type Claim, type ClaimVerdict, claimsParameter, parseVerdicts } from '../postgres/claims';
import { Connections } from '../postgres/connections';
import { type FlagNote, flagNoteValues, NOTE_FLAG } from '../postgres/coverage';
import {
  type Divergence,
  divergencesParameter,
  RECORD_DIVERGENCES,
} from '../postgres/divergence-log';
import { RESOLVE_MISSED_EVENT } from '../postgres/missed-events';
import { blameOf, isMissingForAll } from '../postgres/sqlstate';
import type { Statements } from '../postgres/statements';
import { sizeOfJson } from '../values/json';
import { RowBlame, RowRefused } from './blame-row';
import { Coalescer } from './coalescer';
import { type RecordedStatements, recordOutages } from './outage-recorder';
import { type OnBatch, reportBatch } from './report-batch';

/** Where the mirror writes. Every method rejects as Postgres, or the connection to it, does. */
export interface MirrorStore<Leaf extends LogKey> {
  /** Upserts a claim; the verdict says what became of it. Rejects with `RowRefused` for good. */
  apply(claim: Claim<Leaf>): Promise<ClaimVerdict>;
  record(divergence: Divergence): Promise<void>;
  /** A claim that did not win came late: a divergence that missed its event may be resolved. */
  resolveMissedEvent(claim: Claim<Leaf>, verdict: ClaimVerdict): Promise<void>;
  /** Runs a statement that reads: evidence that only one path has. */
  read(text: string, values: unknown[]): Promise<unknown[]>;
  /** Notes in `mirror.coverage` what this instance sees of the flag. */
  noteFlag(note: FlagNote): Promise<void>;
  close(): Promise<void>;
}

/** How long a batch waits for locked rows; one claim that was told apart waits less. */
const LOCK_WAIT = '500ms';
const LOCK_WAIT_ALONE = '50ms';
/** What a claim or a divergence adds to a statement besides its values; its ref counts twice, for its keys. */
const FIXED_BYTES = 320;

/**
 * The store on Postgres: what concurrent invocations write is coalesced into shared statements.
 *
 * @param mirrored the path whose claims it applies
 * @param connectionsMax connections this instance may hold
 * @param onBatch told of every batch that was sent
 */
export function openMirrorStore<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  config: ClientConfig,
  connectionsMax: number,
  onBatch: OnBatch = () => {},
): MirrorStore<Leaf> {
  const connections = new Connections(config, connectionsMax);
  const statements = recordOutages(connections);
  const claims = coalesceClaims(mirrored, connections, statements, onBatch);
  const divergences = coalesceDivergences(connections, statements, onBatch);
  return {
    apply: (claim) => claims.submit(claim),
    record: (divergence) => divergences.submit(divergence),
    async resolveMissedEvent({ ref, eventTime, before, eventId }, { states }) {
      const values = [ref, eventTime, states.before, states.after, before.known, eventId];
      await statements.run(RESOLVE_MISSED_EVENT, values);
    },
    read: (text, values) => statements.run(text, values),
    async noteFlag(note) {
      await statements.run(NOTE_FLAG, flagNoteValues(note));
    },
    close: () => connections.close(),
  };
}

function coalesceClaims<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  connections: Connections,
  statements: RecordedStatements,
  onBatch: OnBatch,
): Coalescer<Claim<Leaf>, ClaimVerdict> {
  const blame = new RowBlame<Leaf>();
  /** How much was written when a batch that failed was sent. */
  const writesBefore = new WeakMap<readonly Claim<Leaf>[], readonly number[]>();
  return new Coalescer({
    maxInFlight: () => connections.capacity,
    onFailure: (error, wasRepeated, batch) => {
      const isDoubtful = blame.failed(batch, error, writesBefore.get(batch));
      if (isDoubtful && batch.length === 1) return 'later';
      return actionOnFailure(error, wasRepeated);
    },
    send: (batch, isAlone) => {
      const values = [
        claimsParameter(batch, mirrored),
        isAlone ? LOCK_WAIT_ALONE : LOCK_WAIT,
        ['partner_id', 'completed_at'],
      ];
      writesBefore.set(batch, blame.writes());
      const send = async () =>
        parseVerdicts(await statements.run(mirrored.applyStatement, values), batch.length);
      return reportBatch('apply_claims', batch.length, onBatch, send, (verdicts) => ({
        applied: countApplied(verdicts, batch, blame),
      }));
    },
    failureOf: (error, claim) => {
      const failure = blame.failureOf(error, claim);
      if (!(failure instanceof RowRefused) && blameOf(error) === 'setup') statements.noteFailure();
      return failure;
    },
    isPending: ({ verdict }) => verdict === 'contended',
    keyOf: (claim) => claim.ref,
    compare: (a, b) =>
      // As every writer of the table takes its rows, or two of them deadlock.
      mirrored.compareLeaves(a.leaf, b.leaf) ||
      compareText(a.eventTime, b.eventTime) ||
      compareText(a.eventId, b.eventId),
    sizeOf: ({ ref, payload, before, columns, detail }) =>
      FIXED_BYTES +
      2 * ref.length +
      sizeOfJson(payload) +
      (before.known ? sizeOfJson(before.payload) : 0) +
      sizeOfJson(columns) +
      sizeOfJson(detail),
  });
}

function coalesceDivergences(
  connections: Connections,
  statements: Statements,
  onBatch: OnBatch,
): Coalescer<Divergence, void> {
  return new Coalescer({
    maxInFlight: () => connections.capacity,
    onFailure: actionOnFailure,
    send: (batch) =>
      reportBatch('record_divergences', batch.length, onBatch, async () => {
        await statements.run(RECORD_DIVERGENCES, [divergencesParameter(batch), 'trigger']);
        return batch.map(() => undefined);
      }),
    keyOf: (divergence) => `${divergence.kind} ${divergence.ref}`,
    compare: (a, b) => compareText(a.ref, b.ref) || compareText(a.kind, b.kind),
    sizeOf: ({ ref, rtdbValue, postgresValue, detail }) =>
      FIXED_BYTES +
      2 * ref.length +
      sizeOfJson(rtdbValue) +
      sizeOfJson(postgresValue) +
      sizeOfJson(detail),
  });
}

/** How many events' outcome will be `applied`; one that settles a tie is `tied`. */
function countApplied<Leaf extends LogKey>(
  verdicts: ClaimVerdict[],
  batch: readonly Claim<Leaf>[],
  blame: RowBlame<Leaf>,
): number {
  let count = 0;
  for (const [n, claim] of batch.entries()) {
    if (verdicts[n]?.verdict !== 'applied') continue;
    blame.wrote(claim);
    if (!claim.settlesTie) count += 1;
  }
  return count;
}

function actionOnFailure(error: unknown, wasRepeated: boolean): 'split' | 'repeat' | 'fail' {
  switch (blameOf(error)) {
    case 'row':
    case 'parent':
    case 'asked':
    case 'busy':
      return 'split';
    case 'setup':
      // A new session may have it.
      return isMissingForAll(error) ? 'repeat' : 'split';
    case 'conflict':
      return wasRepeated ? 'split' : 'repeat';
    case 'session':
      return 'repeat';
    case 'server':
      return 'fail';
  }
}

/** By UTF-16 units: for versions, and divergences of a batch, any one order will do. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
