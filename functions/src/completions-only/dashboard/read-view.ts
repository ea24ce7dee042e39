import { CANARY_ROW, canaryRowOf } from '../../canary/canaries';
import { questCompletions } from '../../paths/quest-completions/quest-completions';
import type { Statements } from '../../postgres/statements';
import {
  COUNT_DIVERGENCES,
  DIVERGENCE_PAGE,
  type DivergenceRow,
  parseDivergencePage,
  parseTotal,
} from '../postgres/divergence-pages';
import { GATE_DEFAULTS } from '../reconcile/gate-defaults';
import { parseThreshold } from '../reconcile/rate';
import { type GateReading, readGate } from '../reconcile/read-gate';
import { parseDurationMs } from '../reconcile/window';
import { type Panel, panelOf } from './panel';
import { type OpenStory, readStory, type StoryContext } from './read-story';
import { readTrends, type Trends } from './read-trends';
import { filterValues, PAGE_SIZE, type ViewQuery } from './view-query';

/** The gate and what stands beside it. */
export interface Verdict {
  gate: GateReading;
  /** How long ago Postgres took the last canary; null where none has arrived. */
  canaryAgeMs: number | null;
}

export interface DivergencePage {
  rows: DivergenceRow[];
  total: number;
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

const THRESHOLD = parseThreshold(GATE_DEFAULTS.threshold);
const WINDOW_MS = parseDurationMs(GATE_DEFAULTS.window);

/** Reads the page's parts, each in a transaction of its own. Never rejects: see {@link Panel}. */
export async function readView(query: ViewQuery, context: ViewContext): Promise<View> {
  const { transactions, onFailure } = context;
  const read = <T>(work: (statements: Statements) => Promise<T>) =>
    panelOf(transactions.read(work), onFailure);
  const [verdict, trends, divergences, story] = await Promise.all([
    read(readVerdict),
    read((statements) => readTrends(statements, query.span)),
    read((statements) => readDivergences(statements, query)),
    query.story === null ? null : panelOf(readStory(query.story, context), onFailure),
  ]);
  return { verdict, trends, divergences, story };
}

/** The gate as `report` asks it, and the canary. */
export async function readVerdict(statements: Statements): Promise<Verdict> {
  if (THRESHOLD === null || WINDOW_MS === null)
    throw new Error("the gate's defaults are no question");
  const { minSample } = GATE_DEFAULTS;
  const question = { windowMs: WINDOW_MS, threshold: THRESHOLD, minSample, asOf: null };
  const gate = await readGate(statements, question);
  const canary = await CANARY_ROW.first(statements, canaryRowOf(questCompletions));
  return { gate, canaryAgeMs: canary?.ageMs ?? null };
}

/** One page of the filtered table. */
export async function readDivergences(
  statements: Statements,
  query: ViewQuery,
): Promise<DivergencePage> {
  const filter = filterValues(query);
  const total = parseTotal(await statements.run(COUNT_DIVERGENCES, filter));
  const skipped = (query.page - 1) * PAGE_SIZE;
  const page = await statements.run(DIVERGENCE_PAGE, [...filter, query.sort, PAGE_SIZE, skipped]);
  return { rows: parseDivergencePage(page), total };
}
