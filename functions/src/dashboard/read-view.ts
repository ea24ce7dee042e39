import { z } from 'zod';
import { type GateReading, readGateAsWatcher } from '../gate/read-gate';
import { ConnectError } from '../postgres/connect-error';
import { sqlstateOf } from '../postgres/sqlstate';
import { query, type RowOf, type Statements } from '../postgres/statements';
import type { ProofTimes } from '../readings/proof-times';
import { COUNT_DIVERGENCES, DIVERGENCE_PAGE, type DivergenceRow } from './divergence-pages';
import { type OpenStory, readStory, type StoryContext } from './read-story';
import { readTrends, type Trends } from './read-trends';
import { filterOf, PAGE_SIZE, type ViewQuery } from './view-query';

/** A part of the page: what it shows, or why it can't be shown. One that fails leaves the others. */
export type Panel<T> = { ok: true; value: T } | { ok: false; reason: string };

/** How long ago the shards of each path were read: `migrations/20261128000015_figures.sql`. */
const READING_AGES = query({
  text: `
select
  a.path,
  a.by_hours::double precision[] as by_hours,
  a.unread::double precision as unread,
  to_char(a.counted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as counted_at
from mirror.reading_ages as a
`,
  params: {},
  row: {
    path: z.string(),
    /** In the last hour, in the one before, and so on; the last one: longer ago than 48 h. */
    byHours: z.array(z.number()),
    unread: z.number(),
    countedAt: z.string(),
  },
});

export type ReadingAges = RowOf<typeof READING_AGES>;

/** The gate and what stands beside it. */
export interface Verdict {
  gate: GateReading;
  /** How old readings may be for this answer. */
  maxAgeMs: number;
  windowMs: number;
  ages: ReadingAges[];
}

export interface DivergencePage {
  rows: DivergenceRow[];
  total: number;
  /** For how many keys all of them stand. */
  keys: number;
}

/** All that the page shows, each part by itself. */
export interface View {
  verdict: Panel<Verdict>;
  trends: Panel<Trends>;
  divergences: Panel<DivergencePage>;
  /** Null where none is open. */
  story: Panel<OpenStory> | null;
}

export interface ViewContext extends StoryContext {
  onFailure(error: unknown): void;
}

/** Reads the page's parts, each in a transaction of its own. Never rejects: see {@link Panel}. */
export async function readView(asked: ViewQuery, context: ViewContext): Promise<View> {
  const { transactions, onFailure, times } = context;
  const read = <T>(work: (statements: Statements) => Promise<T>) =>
    panelOf(transactions.read(work), onFailure);
  const [verdict, trends, divergences, story] = await Promise.all([
    read((statements) => readVerdict(statements, times)),
    read((statements) => readTrends(statements, asked)),
    read((statements) => readDivergences(statements, asked)),
    asked.story === null ? null : panelOf(readStory(asked.story, context), onFailure),
  ]);
  return { verdict, trends, divergences, story };
}

/** The gate as watchers ask it, and how old the readings are. */
export async function readVerdict(statements: Statements, times: ProofTimes): Promise<Verdict> {
  const { maxAgeMs, ...gate } = await readGateAsWatcher(statements, times);
  const ages = await READING_AGES.all(statements);
  return { gate, maxAgeMs, windowMs: times.windowMs, ages };
}

/** One page of the filtered table. */
export async function readDivergences(
  statements: Statements,
  asked: ViewQuery,
): Promise<DivergencePage> {
  const filter = filterOf(asked);
  const skipped = (asked.page - 1) * PAGE_SIZE;
  const { total, keys } = await COUNT_DIVERGENCES.one(statements, filter);
  const rows = await DIVERGENCE_PAGE.all(statements, {
    ...{ ...filter, sort: asked.sort, most: PAGE_SIZE, skipped },
  });
  return { rows, total, keys };
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['57014', 'the query was cancelled after 2 s'],
  ['42P01', "the mirror's tables are not there: run `npm run mirror -- migrate`"],
  ['3F000', "the mirror's tables are not there: run `npm run mirror -- migrate`"],
  ['42703', "the mirror's tables are older than this page: run `npm run mirror -- migrate`"],
  ['42883', "the mirror's functions are older than this page: run `npm run mirror -- migrate`"],
  ['42501', "this login may not read the mirror's tables: make it a member of quest_mirror_writer"],
]);

/** Whatever fails becomes the reason; the error itself goes to `onFailure`, not onto the page. */
async function panelOf<T>(
  work: Promise<T>,
  onFailure: (error: unknown) => void,
): Promise<Panel<T>> {
  try {
    return { ok: true, value: await work };
  } catch (error) {
    onFailure(error);
    const sqlstate = sqlstateOf(error);
    if (error instanceof ConnectError || sqlstate === null) {
      return { ok: false, reason: 'Postgres does not answer' };
    }
    return {
      ok: false,
      reason: REASONS.get(sqlstate) ?? `Postgres answered SQLSTATE ${sqlstate}`,
    };
  }
}
