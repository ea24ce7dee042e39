import type { GateReading } from '../functions/src/gate/read-gate';
import type { Json } from '../functions/src/values/json';
import { isSameValue } from '../functions/src/values/rtdb-value';
import type { Fault } from './faults';
import type { Expected } from './ledger';
import { differenceAt, type OpenDifference, type StoreDifference, type StoreKey } from './stores';

/** An interval of `mirror.coverage`, or a moment. */
export interface Interval {
  reason: string;
  from: string;
  to: string;
}

export interface Evidence {
  faults: ReadonlySet<Fault>;
  /** What both stores show. */
  keys: readonly StoreKey[];
  /** What the books say that they show. */
  expected: readonly Expected[];
  /** What the log has open. */
  open: readonly OpenDifference[];
  coverage: readonly Interval[];
  gate: Pick<GateReading, 'verdict' | 'evidence'> & { sentence: string };
}

/** What the mirror's record is worth, by the simulation's own books. */
export interface Judgement {
  /** Keys that either store shows, and those on which they differ, `client_only` apart. */
  keys: number;
  differing: number;
  clientOnly: number;
  /** Differences by whether their cause is the fault that is to blame for the leaf, or honestly not known. */
  causes: { named: number; unknown: number; wrong: number };
  /** By the cause that the log has. */
  byCause: Record<string, number>;
  /** What is not as it has to be, in words. */
  failures: string[];
}

/** The causes that name each fault. */
const NAMES: Readonly<Partial<Record<Fault, string>>> = {
  drop: 'retries_exhausted',
  'flag-off': 'flag_disabled',
  'off-throughout': 'flag_disabled',
  percent: 'flag_disabled',
  restore: 'restored',
  truncate: 'direct_postgres_write',
  'client-disagrees': 'client_without_rtdb',
};

/** While these last an event comes, and nobody mirrors it: which of both it was, bounds may leave open. */
const OFF = ['flag_off', 'percent'];
const MOST_TOLD = 10;

/** Judges the log, the causes and the gate by the books and by both stores. Pure. */
export function judgeRecord(evidence: Evidence): Judgement {
  const differences = evidence.keys.flatMap((key) => differenceAt(key) ?? []);
  const clientOnly = differences.filter(({ kind }) => kind === 'client_only').length;
  const told = new Told(evidence.open, differences);
  const causes = judgeCauses(differences, told, evidence);
  const byCause: Record<string, number> = {};
  for (const { cause, keys } of evidence.open) byCause[cause] = (byCause[cause] ?? 0) + keys;
  const failures = [
    ...againstBooks(evidence),
    ...told.failures,
    ...causes.failures,
    ...againstGate(evidence, differences),
  ];
  return {
    ...{ keys: evidence.keys.length - clientOnly, clientOnly, byCause },
    ...{ differing: differences.length - clientOnly, causes: causes.counts },
    failures: [
      ...failures.slice(0, MOST_TOLD),
      ...(failures.length > MOST_TOLD ? [`and ${failures.length - MOST_TOLD} more`] : []),
    ],
  };
}

/** Both stores must show what the books say, to the last leaf. */
function againstBooks({ keys, expected }: Evidence): string[] {
  const shown = new Map(keys.map((key) => [`${key.path} ${key.ref}`, key]));
  const failures: string[] = [];
  for (const one of expected) {
    const id = `${one.path} ${one.ref}`;
    const key = shown.get(id);
    shown.delete(id);
    // RTDB's own times are known by its events alone: they are in the books.
    if (!isSame(key?.rtdb ?? null, one.rtdb)) failures.push(`${id}: RTDB isn't as the books say`);
    const [row, wanted] = [key?.postgres ?? null, one.postgres];
    const isAsWanted =
      row === null || wanted === null
        ? row === wanted
        : isSame(row.payload, wanted.payload) && row.isClient === wanted.isClient;
    if (!isAsWanted) {
      const [is, be] = [row, wanted].map((value) => JSON.stringify(value).slice(0, 80));
      failures.push(`${id}: Postgres shows ${is}, and the books say ${be}`);
    }
  }
  for (const id of shown.keys()) failures.push(`${id}: nobody wrote it`);
  return failures;
}

function isSame(one: Json, other: Json): boolean {
  return isSameValue(one, other);
}

/** What the log says of each difference. */
class Told {
  readonly failures: string[] = [];
  readonly #byDifference = new Map<StoreDifference, OpenDifference>();

  constructor(open: readonly OpenDifference[], differences: readonly StoreDifference[]) {
    const left = new Map(differences.map((one) => [idOf(one), one]));
    for (const row of open.filter((one) => !one.is_shared)) {
      const difference = left.get(idOf(row));
      if (difference === undefined) {
        this.failures.push(
          `${idOf(row)} is open, and the stores don't differ so, or it is told twice`,
        );
        continue;
      }
      left.delete(idOf(row));
      this.#byDifference.set(difference, row);
    }
    for (const row of open.filter((one) => one.is_shared)) this.#share(row, left);
    for (const id of left.keys())
      this.failures.push(`${id}: the stores differ, and nothing says so`);
  }

  of(difference: StoreDifference): OpenDifference | undefined {
    return this.#byDifference.get(difference);
  }

  /** A row of several keys stands for those of its shard that have none of their own. */
  #share(row: OpenDifference, left: Map<string, StoreDifference>): void {
    const members = [...left].filter(
      ([, { path, shard, kind }]) => path === row.path && shard === row.shard && kind === row.kind,
    );
    if (members.length !== row.keys) {
      this.failures.push(`${idOf(row)} stands for ${row.keys} keys, and ${members.length} differ`);
    }
    for (const [id, member] of members) {
      left.delete(id);
      this.#byDifference.set(member, row);
    }
  }
}

function idOf({ path, ref, kind }: Pick<OpenDifference, 'path' | 'ref' | 'kind'>): string {
  return `${path} ${ref} ${kind}`;
}

function judgeCauses(differences: readonly StoreDifference[], told: Told, evidence: Evidence) {
  const counts = { named: 0, unknown: 0, wrong: 0 };
  const failures: string[] = [];
  const books = new Map(evidence.expected.map((one) => [`${one.path} ${one.ref}`, one]));
  const sharedCulprits = new Map<OpenDifference, Set<string>>();
  for (const one of differences) {
    const row = told.of(one);
    const culprits = books.get(`${one.path} ${one.ref}`)?.culprits ?? [];
    if (row?.is_shared) {
      sharedCulprits.set(row, (sharedCulprits.get(row) ?? new Set()).add(culprits.join()));
    }
  }
  for (const one of differences) {
    const row = told.of(one);
    if (row === undefined) continue;
    const book = books.get(`${one.path} ${one.ref}`);
    const culprits = book?.culprits ?? [];
    const isMixed = (sharedCulprits.get(row)?.size ?? 1) > 1;
    const verdict = verdictOn(one, row, book, isMixed, evidence);
    counts[verdict.counts] += 1;
    if (verdict.isFailure) {
      const bounds = `${row.written_after ?? 'ever'} to ${row.written_before}`;
      failures.push(
        `${idOf(row)}: put down to ${row.cause} (${bounds}), and ${culprits.join(' or ') || 'nothing'} did it`,
      );
    }
  }
  return { counts, failures };
}

type CauseVerdict = { counts: 'named' | 'unknown' | 'wrong'; isFailure: boolean };

function verdictOn(
  { kind }: StoreDifference,
  row: OpenDifference,
  book: Expected | undefined,
  isMixed: boolean,
  { coverage }: Evidence,
): CauseVerdict {
  const names = (book?.culprits ?? []).map((fault) => NAMES[fault]);
  const isNamed =
    names.includes(row.cause) ||
    // All that Postgres ever had of it is a claim, or a write of the whole day erased it: so much is known besides.
    (kind === 'client_only' && row.cause === 'client_without_rtdb') ||
    (kind === 'missing_in_rtdb' && row.cause === 'ancestor_overwrite' && book?.isErasedFromAbove);
  if (isNamed) return { counts: 'named', isFailure: false };
  if (row.cause !== 'unknown') return { counts: 'wrong', isFailure: true };
  // What is known of its time fits more than one cause.
  const isOpen = isMixed || coverage.some((one) => OFF.includes(one.reason) && touches(one, row));
  return { counts: 'unknown', isFailure: !isOpen };
}

function touches(
  { from, to }: Interval,
  { written_after, written_before }: OpenDifference,
): boolean {
  return from <= written_before && (written_after === null || to >= written_after);
}

/** Each key counts once, and nothing is ready that isn't. */
function againstGate(
  { gate, keys, expected, faults }: Evidence,
  differences: readonly StoreDifference[],
): string[] {
  const failures: string[] = [];
  for (const { path, copy } of gate.evidence) {
    const differing = differences.filter((one) => one.path === path && one.kind !== 'client_only');
    const clients = differences.filter((one) => one.path === path && one.kind === 'client_only');
    const total = keys.filter((one) => one.path === path).length - clients.length;
    if (copy.total !== total)
      failures.push(`${path}: the gate counts ${copy.total} keys of ${total}`);
    if (copy.differing !== differing.length) {
      failures.push(`${path}: the gate counts ${copy.differing} differing of ${differing.length}`);
    }
    if (copy.unknown !== 0) failures.push(`${path}: ${copy.unknown} keys are unknown at the end`);
  }
  const lost = expected.filter(({ culprits }) =>
    culprits.some((one) => one !== 'client-disagrees'),
  );
  const isHarmless = lost.length === 0 && !faults.has('flag-off');
  if (gate.verdict === 'ready' && lost.length > expected.length * 0.01) {
    failures.push(`the gate is ready, and ${lost.length} of ${expected.length} keys were lost`);
  }
  if (isHarmless && !faults.has('percent') && !faults.has('off-throughout')) {
    const isReady = gate.verdict === 'ready';
    if (!isReady && HEALED.every((fault) => !faults.has(fault))) {
      failures.push(`nothing was lost, and the gate says: ${gate.sentence}`);
    }
  }
  return failures;
}

/** Faults after which nothing need be lost, but the gate may still say no. */
const HEALED: readonly Fault[] = ['outage', 'restore', 'truncate'];
