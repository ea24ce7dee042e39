import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ReconcileTask,
  startTasks,
} from '../../functions/src/completions-only/reconcile/reconcile-tasks';
import { completionEvent, post, refOf, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Runtime, type RuntimeOptions, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** What the production runtime logs, against the filters of ops/metrics. */

const METRICS = join(__dirname, '..', '..', 'ops', 'metrics');
const DATE = '2025-11-19';

type Line = Record<string, unknown>;

let database: TestDatabase;
let rtdb: StandinTree;
const lines: Line[] = [];

beforeAll(async () => {
  database = await cloneDatabase();
  rtdb = await startStandinTree();
  await rtdb.rest.set(refOf({}).split('/'), true);
  const { url } = database;
  await linesOf('mirrorQuestCompletion', url, ['applied', 'rejected'], async (runtime) => {
    await send(runtime.url, completionEvent({}));
    await send(runtime.url, completionEvent({ after: 'no completion' }));
  });
  await linesOf('mirrorQuestCompletion', 'postgres://u@127.0.0.1:9/x', ['failed'], (runtime) =>
    send(runtime.url, completionEvent({})),
  );
  await linesOf('mirrorCanary', url, ['canary'], (runtime) => post(runtime.url, {}, ''));
  const task = await oneTask();
  await linesOf('mirrorReconcileCouples', url, ['run_id'], (runtime) => {
    const token = ['{}', '{"sub":"tasks"}', ''].map((text) => btoa(text)).join('.');
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    return post(runtime.url, headers, JSON.stringify({ data: task }));
  });
}, 60_000);

afterAll(async () => {
  await rtdb?.standin.stop();
  await database?.drop();
});

/** Runs one function, and keeps the structured lines that it wrote; each of `words` is in one. */
async function linesOf(
  target: NonNullable<RuntimeOptions['target']>,
  databaseUrl: string,
  words: string[],
  work: (runtime: Runtime) => Promise<unknown>,
): Promise<void> {
  const { address } = rtdb.standin;
  const runtime = await startRuntime({ target, databaseUrl, rtdbHost: address });
  const structured = () => runtime.lines.filter((line) => line.startsWith('{'));
  try {
    await work(runtime);
    await eventually(() => words.every((word) => structured().join().includes(`"${word}"`)), {
      describe: `lines of ${target} with ${words}`,
    });
  } finally {
    await runtime.stop();
  }
  lines.push(...structured().map((line) => JSON.parse(line)));
}

/** The one shard of a run over the day. */
async function oneTask(): Promise<ReconcileTask> {
  const tasks: ReconcileTask[] = [];
  const statements = {
    run: async (text: string, values: unknown[]) => database.query(text, values),
  };
  const request = { fromDate: DATE, toDate: DATE, graceMs: 0, couples: null };
  await startTasks(request, { statements, rtdb: rtdb.tree, retentionDays: 0 }, async (task) => {
    tasks.push(task);
  });
  const [task] = tasks;
  if (task === undefined) throw new Error('the run has no shard');
  return task;
}

const TERM = /^jsonPayload\.(\w+)(:\*|>=|<=|>|<|=)"?([^"]*)"?$/;

/** The part of Logging's query language that ops/metrics uses: terms joined by AND. */
function matches(filter: string, line: Line): boolean {
  return filter.split(' AND ').every((term) => {
    if (term === 'resource.type="cloud_run_revision"') return true;
    const [, field = '', operator, wanted = ''] = TERM.exec(term) ?? [];
    if (operator === undefined) throw new Error(`not understood: ${term}`);
    const value = line[field];
    if (value === undefined || value === null) return false;
    if (operator === ':*') return true;
    if (operator === '=') return String(value) === wanted;
    const difference = Number(value) - Number(wanted);
    if (difference === 0) return operator.endsWith('=');
    return difference > 0 === operator.startsWith('>');
  });
}

const definition = (metric: string) =>
  JSON.parse(readFileSync(join(METRICS, `${metric}.json`), 'utf8'));

function matched(metric: string): Line[] {
  const { filter } = definition(metric);
  return lines.filter((line) => matches(filter, line));
}

test.each([
  ...['events', 'applied', 'lag_ms', 'failed_age_ms'],
  ...['canary', 'runs', 'consistency'],
])('a line that the runtime writes is counted by %s, and has what it extracts', (metric) => {
  const counted = matched(metric);
  expect(counted).not.toEqual([]);
  const { valueExtractor, labelExtractors } = definition(metric);
  const extractors = [valueExtractor, ...Object.values(labelExtractors ?? {})].filter(Boolean);
  for (const extractor of extractors) {
    const [, field = ''] = /^EXTRACT\(jsonPayload\.(\w+)\)$/.exec(String(extractor)) ?? [];
    for (const line of counted) expect(line[field]).toBeDefined();
  }
});

test('outcomes are told apart, and a run that agrees is not under the gate', () => {
  expect(matched('events').map(({ outcome }) => outcome)).toEqual([
    ...['applied', 'rejected', 'failed'],
  ]);
  expect(matched('applied').map(({ applied }) => applied)).toEqual([1]);
  expect(matched('consistency').map(({ consistency }) => consistency)).toEqual([1]);
  expect(matched('runs_under_gate')).toEqual([]);
  const { filter } = definition('runs_under_gate');
  expect(matches(filter, { run_id: 1, consistency: 0.98 })).toBe(true);
});
