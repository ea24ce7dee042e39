import { type Cause, severityOf } from '../divergences/vocabulary';
import type { Statements } from '../postgres/statements';
import type { JsonObject } from '../values/json';
import { causeOf, type Judgement } from './cause';
import type { Circumstances, KeyEvidence, ShardEvidence } from './circumstances';
import type { ComparedKey } from './compare-key';
import { dayOf, detailOfJudgement, type FoundRow, foundRow } from './found-row';
import { type PrepareEvaluation, readGaps } from './gaps';
import { ownTimeOf } from './own-time';
import type { ProofTimes } from './proof-times';
import type { Difference, Looked } from './reading';
import { dayEvidenceOf, keyEvidence, SHARD_EVIDENCE } from './shard-evidence';

/** What a renewal changes of an open row, besides how many keys it stands for. */
export interface Rejudged {
  id: number;
  cause: Cause;
  severity: string;
  detail: JsonObject;
}

export interface ExplainContext {
  statements: Statements;
  /** Evaluates Remote Config's conditions, where a percent has to be told. */
  prepareEvaluation: PrepareEvaluation;
  times: ProofTimes;
}

/** Of what shares one row so many are looked into; of more, what is known of the shard has to tell. */
const MAX_MEMBERS = 5_000;
/** Causes that may become known later. */
const OPEN_CAUSES: ReadonlySet<string> = new Set<Cause>([
  'unknown',
  'in_flight',
  'retries_exhausted',
]);

/**
 * Tells why these differ: a row of the log for each, in their order. Rejects as Postgres does.
 *
 * @param looked the reading that found them
 */
export async function explainDifferences(
  differences: readonly Difference[],
  looked: Looked,
  context: ExplainContext,
): Promise<FoundRow[]> {
  if (differences.length === 0) return [];
  const evidence = await gather(differences, looked, context);
  return differences.map((difference) => foundRow(difference, looked, evidence.judge(difference)));
}

/**
 * Looks again at open rows that a reading renews, and whose cause was not known, or only that the event may still
 * come: those of which more is known by now.
 */
export async function explainRenewed(
  renewed: readonly { id: number }[],
  looked: Looked,
  context: ExplainContext,
): Promise<Rejudged[]> {
  const ids = new Set(renewed.map(({ id }) => id));
  const compared = new Map(looked.compared.map((key) => [key.ref, key]));
  const again = looked.state.open.flatMap((open) => {
    if (!ids.has(open.id) || !OPEN_CAUSES.has(open.cause) || open.kind === 'invalid_payload')
      return [];
    const key = open.key === null ? null : (compared.get(open.ref) ?? null);
    if (open.key !== null && key === null) return [];
    const difference: Difference = {
      ...{ ref: open.ref, kind: open.kind as Difference['kind'], compared: key, odd: null },
      ...{ keys: open.keys, writtenAfter: open.written_after, writtenBefore: open.written_before },
      resolvedBy: null,
    };
    return [{ open, difference }];
  });
  if (again.length === 0) return [];
  const evidence = await gather(
    again.map(({ difference }) => difference),
    looked,
    context,
    // By now the shard is in every listing.
    new Map(again.map(({ open, difference }) => [difference, open.born_after])),
  );
  return again.flatMap(({ open: { id, cause: before }, difference }) => {
    const { cause, ...rest } = evidence.judge(difference);
    if (cause === before) return [];
    const severity = severityOf(difference.kind, cause);
    // What was possible before isn't, once something is known.
    const detail = { ...detailOfJudgement(rest), possible: rest.possible };
    return [{ id, cause, severity, detail }];
  });
}

/** What was gathered of some differences, and what follows from it. */
interface GatheredEvidence {
  judge(difference: Difference): Judgement & { bornAfter: string | null };
}

async function gather(
  differences: readonly Difference[],
  looked: Looked,
  { statements, prepareEvaluation, times }: ExplainContext,
  bornAfterOf: ReadonlyMap<Difference, string | null> = new Map(),
): Promise<GatheredEvidence> {
  const { path, shard, state } = looked;
  const members = new Map(
    differences.map((difference) => [difference, membersOf(difference, looked)]),
  );
  const keys = [...new Set([...members.values()].flatMap((some) => some.slice(0, MAX_MEMBERS)))];
  const began = state.pathBooks.began_at;
  const from = differences.map(({ writtenAfter }) => writtenAfter ?? began).sort()[0] ?? began;
  const days = [...new Set(keys.flatMap((key) => dayOf(path, key) ?? []))];
  const [byKey, known, gaps] = await Promise.all([
    keyEvidence(keys, path, statements),
    SHARD_EVIDENCE.one(statements, { path: path.name, shard, days }),
    readGaps({ path: path.name, from, to: state.readAt }, statements, prepareEvaluation),
  ]);
  const isBornLate = isAfter(state.reading?.first_seen_at, state.pathBooks.first_pass_at);
  const ofShard: ShardEvidence = {
    beganAt: began,
    isOlderPossible: !isBornLate,
    bornAfter: isAfter(state.reading?.first_seen_at, known.listedAt) ? known.listedBefore : null,
    gaps: gaps.of(shard),
    truncated: known.truncated,
  };
  const bornAfter = (difference: Difference) =>
    ofShard.bornAfter ?? bornAfterOf.get(difference) ?? null;
  const knownOf = (difference: Difference, compared: ComparedKey | null): Circumstances => {
    const day = compared === null ? null : dayOf(path, compared);
    return {
      ...{ kind: difference.kind, ref: compared?.ref ?? difference.ref, compared, day },
      ...{ writtenAfter: difference.writtenAfter, writtenBefore: difference.writtenBefore },
      // A repair keeps what it compared, and so the row as it was.
      isOver: difference.resolvedBy !== null && compared?.state !== difference.kind,
      ownTime: compared === null ? null : ownTimeOf(compared, path, state.readAt),
      readAt: state.readAt,
      shard: { ...ofShard, bornAfter: bornAfter(difference) },
      key: (compared && byKey.get(compared.ref)) ?? NOTHING_KNOWN,
      dayEvidence: dayEvidenceOf(day, known),
      times,
    };
  };
  return {
    judge(difference) {
      const toldBornAfter = difference.writtenAfter === null ? bornAfter(difference) : null;
      if (difference.odd !== null) {
        const evidenceOfPlace = { refused: 'place' };
        return {
          ...{ cause: 'rejected', evidence: evidenceOfPlace, possible: [] },
          bornAfter: toldBornAfter,
        };
      }
      const some = members.get(difference) ?? [];
      const judged = some.length === 0 ? [null] : some;
      return {
        ...ofAll(judged.map((compared) => causeOf(knownOf(difference, compared)))),
        bornAfter: toldBornAfter,
      };
    },
  };
}

const NOTHING_KNOWN: KeyEvidence = { direct: null, logged: [] };

function isAfter(at: string | null | undefined, other: string | null): boolean {
  return at != null && other !== null && at > other;
}

/** The keys that a difference is about; none where a row that several share is over. */
function membersOf({ compared, odd, kind, resolvedBy }: Difference, looked: Looked): ComparedKey[] {
  if (compared !== null) return [compared];
  if (odd !== null || resolvedBy !== null) return [];
  return looked.compared.filter(({ state }) => state === kind);
}

/** One cause where all agree; else it is not known. */
function ofAll(judgements: readonly Judgement[]): Judgement {
  const counts = new Map<Cause, number>();
  for (const { cause } of judgements) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  const [first] = judgements;
  if (first !== undefined && counts.size === 1) return first;
  return { cause: 'unknown', evidence: { causes: Object.fromEntries(counts) }, possible: [] };
}
