import type { ClientConfig } from 'pg';
import { type FlagNote, NOTE_FLAG } from '../coverage/coverage';
import { type RecordedStatements, recordOutages } from '../coverage/outage-recorder';
import {
  type Divergence,
  divergencesParameter,
  RECORD_DIVERGENCES,
} from '../divergences/divergence-log';
import { RESOLVE_MISSED_EVENT } from '../divergences/missed-events';
import type { MirroredPath } from '../paths/mirrored-path';
import { Connections } from '../postgres/connections';
import { blameOf, isMissingForAll } from '../postgres/sqlstate';
import { IS_OWN_RTDB, type RtdbIdentity } from '../rtdb/rtdb-identity';
import { sizeOfJson } from '../values/json';
import { compareUtf8 } from '../values/utf8-order';
import { RowBlame, RowRefused } from './blame-row';
import { type Claim, type ClaimVerdict, claimsParameter, parseVerdicts } from './claims';
import { Coalescer } from './coalescer';
import { type OnBatch, reportBatch } from './report-batch';

/** Where the mirror writes. Every method rejects as Postgres, or the connection to it, does. */
export interface MirrorStore {
  /** Upserts a claim; the verdict says what became of it. Rejects with `RowRefused` for good. */
  apply(claim: Claim): Promise<ClaimVerdict>;
  record(divergence: Divergence): Promise<void>;
  /** Whether that is the RTDB which this database mirrors; the first that is asked about is. */
  isOwn(source: RtdbIdentity): Promise<boolean>;
  /** A claim that did not win came late: a divergence that missed its event may be resolved. */
  resolveMissedEvent(claim: Claim, verdict: ClaimVerdict): Promise<void>;
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
      const { before: from, after: to } = states;
      const values = [ref, eventTime, from, to, before.known, eventId, mirrored.name];
      await statements.run(RESOLVE_MISSED_EVENT, values);
    },
    async isOwn(source) {
      if (own.is(source)) return true;
      const { instance, host } = source;
      const { isOwn } = await IS_OWN_RTDB.one(statements, { instance, host });
      if (isOwn) own.set(source);
      return isOwn;
    },
    read: (text, values) => statements.run(text, values),
    async noteFlag(note) {
      await NOTE_FLAG.run(statements, note);
    },
    close: () => connections.close(),
  };
}

interface StoreParts {
  connections: Connections;
  statements: RecordedStatements;
  own: OwnSource;
}

/** The RTDB that this database mirrors, once Postgres has said so: asked once an instance. */
class OwnSource {
  #own: RtdbIdentity | null = null;

  is({ instance, host }: RtdbIdentity): boolean {
    return this.#own?.instance === instance && this.#own.host === host;
  }

  set(source: RtdbIdentity): void {
    this.#own = source;
  }
}

/** What the claims bring, by column: with other types a table would refuse each row, or read it wrongly. */
function columnTypes({ keyColumns, dayColumn, columns }: MirroredPath): Record<string, string> {
  const keys = keyColumns.map((column) => [column, column === dayColumn ? 'date' : 'text']);
  return { ...Object.fromEntries(keys), ...columns };
}

function coalesceClaims(
  mirrored: MirroredPath,
  { connections, statements, own }: StoreParts,
  onBatch: OnBatch,
): Coalescer<Claim, ClaimVerdict> {
  const told = JSON.stringify(columnTypes(mirrored));
  const blame = new RowBlame();
  /** How much was written when a batch that failed was sent. */
  const writesBefore = new WeakMap<readonly Claim[], readonly number[]>();
  return new Coalescer({
    maxInFlight: () => connections.capacity,
    onFailure: (error, wasRepeated, batch) => {
      const isDoubtful = blame.failed(batch, error, writesBefore.get(batch));
      if (isDoubtful && batch.length === 1) return 'later';
      return actionOnFailure(error, wasRepeated);
    },
    send: (batch, isAlone) => {
      const parameter = claimsParameter(batch, mirrored, (source) => own.is(source));
      const values = [parameter, isAlone ? LOCK_WAIT_ALONE : LOCK_WAIT, told];
      writesBefore.set(batch, blame.writes());
      const send = async () =>
        parseVerdicts(await statements.run(mirrored.applyStatement, values), batch.length);
      return reportBatch('apply', batch.length, onBatch, send, (verdicts) => ({
        applied: tally(verdicts, batch, { blame, own }),
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
      compareParts(a.leaf.parts, b.leaf.parts) ||
      compareText(a.eventTime, b.eventTime) ||
      compareText(a.eventId, b.eventId),
    sizeOf: ({ ref, payload, before, columns, detail }) =>
      FIXED_BYTES +
      2 * ref.length +
      sizeOfJson(payload) +
      (before.known && 'payload' in before ? sizeOfJson(before.payload) : 0) +
      sizeOfJson(columns) +
      sizeOfJson(detail),
  });
}

function coalesceDivergences(
  { name }: MirroredPath,
  { connections, statements }: Pick<StoreParts, 'connections' | 'statements'>,
  onBatch: OnBatch,
): Coalescer<Divergence, void> {
  return new Coalescer({
    maxInFlight: () => connections.capacity,
    onFailure: actionOnFailure,
    send: (batch) =>
      reportBatch('record_divergences', batch.length, onBatch, async () => {
        await statements.run(RECORD_DIVERGENCES, [divergencesParameter(name, batch), 'trigger']);
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

/**
 * Takes in what a batch's verdicts tell.
 *
 * @returns how many events' outcome will be `applied`; one that settles a tie is `tied`
 */
function tally(
  verdicts: ClaimVerdict[],
  batch: readonly Claim[],
  { blame, own }: { blame: RowBlame; own: OwnSource },
): number {
  let count = 0;
  for (const [n, claim] of batch.entries()) {
    const verdict = verdicts[n]?.verdict;
    if (verdict !== 'foreign' && claim.source !== null) own.set(claim.source);
    if (verdict !== 'applied') continue;
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

/** The order of a table's primary key: every writer takes its rows in it, or two of them deadlock. */
function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let place = 0; place < a.length; place += 1) {
    const order = compareUtf8(a[place] ?? '', b[place] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** By UTF-16 units: for versions, and divergences of a batch, any one order will do. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
