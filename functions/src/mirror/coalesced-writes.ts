import type { RecordedStatements } from '../coverage/outage-recorder';
import {
  type Divergence,
  RECORD_DIVERGENCES,
  rowsOfDivergences,
} from '../divergences/divergence-log';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Connections } from '../postgres/connections';
import { blameOf, sqlstateOf } from '../postgres/sqlstate';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
import { sizeOfJson } from '../values/json';
import { compareUtf8 } from '../values/utf8-order';
import {
  applyQueryOf,
  type ClaimVerdict,
  columnTypes,
  rowsOfClaims,
  verdictsOf,
} from './apply-claims';
import { actionOnFailure, RowBlame, RowRefused } from './blame-row';
import type { Claim } from './claim';
import { Coalescer } from './coalescer';

/** What became of one batch on its way to Postgres. */
export interface SentBatch {
  statement: 'apply' | 'record_divergences';
  size: number;
  ms: number;
  /** How many of its claims ended `applied`. */
  applied?: number;
  /** There if it failed; null where the server did not say why. */
  sqlstate?: string | null;
}

export type OnBatch = (batch: SentBatch) => void;

/** How long a batch waits for locked rows; one claim that was told apart waits less. */
const LOCK_WAIT = '500ms';
const LOCK_WAIT_ALONE = '50ms';
/** What a claim or a divergence adds to a statement besides its values; its ref counts twice, for its keys. */
const FIXED_BYTES = 320;

interface StoreParts {
  connections: Connections;
  statements: RecordedStatements;
  own: OwnSource;
}

/** The RTDB that this database mirrors, once Postgres has said so: asked once an instance. */
export class OwnSource {
  #own: RtdbIdentity | null = null;

  is({ instance, host }: RtdbIdentity): boolean {
    return this.#own?.instance === instance && this.#own.host === host;
  }

  set(source: RtdbIdentity): void {
    this.#own = source;
  }
}

/** What applies the claims of a path: many share a statement. */
export function coalesceClaims(
  mirrored: MirroredPath,
  { connections, statements, own }: StoreParts,
  onBatch: OnBatch,
): Coalescer<Claim, ClaimVerdict> {
  const apply = applyQueryOf(mirrored);
  const told = columnTypes(mirrored);
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
      const given = {
        claims: rowsOfClaims(batch, mirrored, (source) => own.is(source)),
        lockWait: isAlone ? LOCK_WAIT_ALONE : LOCK_WAIT,
        told,
      };
      writesBefore.set(batch, blame.writes());
      const send = () =>
        apply.all(statements, given).then((answers) => verdictsOf(answers, batch.length));
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

/** What writes to the divergence log, likewise. */
export function coalesceDivergences(
  { name }: MirroredPath,
  { connections, statements }: Pick<StoreParts, 'connections' | 'statements'>,
  onBatch: OnBatch,
): Coalescer<Divergence, void> {
  return new Coalescer({
    maxInFlight: () => connections.capacity,
    onFailure: actionOnFailure,
    send: (batch) =>
      reportBatch('record_divergences', batch.length, onBatch, async () => {
        const divergences = rowsOfDivergences(name, batch);
        await RECORD_DIVERGENCES.run(statements, { divergences, detectedBy: 'trigger' });
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

/** Sends a batch, and reports it whether or not that failed. */
async function reportBatch<Result>(
  statement: SentBatch['statement'],
  size: number,
  onBatch: OnBatch,
  send: () => Promise<Result[]>,
  summarize: (results: Result[]) => Pick<SentBatch, 'applied'> = () => ({}),
): Promise<Result[]> {
  const startedAt = performance.now();
  const sent = () => ({ statement, size, ms: performance.now() - startedAt });
  try {
    const results = await send();
    onBatch({ ...sent(), ...summarize(results) });
    return results;
  } catch (error) {
    onBatch({ ...sent(), sqlstate: sqlstateOf(error) });
    throw error;
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
