import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { completionEvent, post, refOf, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Runtime, type RuntimeOptions, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** What the production runtime logs, against the filters of ops/metrics. */

const METRICS = join(__dirname, '..', '..', 'ops', 'metrics');
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
  await linesOf('mirrorReconcile', url, ['mirror rates'], (runtime) => post(runtime.url, {}, ''));
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

const TERM = /^jsonPayload\.(\w+)(:\*|>=|<=|>|<|=)"?([^"]*)"?$/;

/** The part of Logging's query language that ops/metrics uses: terms and (terms joined by OR), joined by AND. */
function matches(filter: string, line: Line): boolean {
  return filter.split(' AND ').every((term): boolean => {
    if (term === 'resource.type="cloud_run_revision"') return true;
    // Also of a field that is missing or null.
    if (term.startsWith('NOT ')) return !matches(term.slice(4), line);
    const [, either] = /^\((.*)\)$/.exec(term) ?? [];
    if (either !== undefined) return either.split(' OR ').some((one) => matches(one, line));
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
  ...['events', 'applied', 'lag_ms', 'failed_age_ms', 'canary'],
  ...['judged', 'copy_rate', 'mirror_rate', 'rtdb_bytes'],
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

test('outcomes are told apart', () => {
  expect(matched('events').map(({ outcome }) => outcome)).toEqual([
    ...['applied', 'rejected', 'failed'],
  ]);
  expect(matched('applied').map(({ applied }) => applied)).toEqual([1]);
});

test('a path of which a rate is under 99% is under the gate, and one that nobody can tell is not', () => {
  const judged = { message: 'mirror rates', copy_upper: 1, mirror_upper: 1, verified_age_s: 60 };
  const underGate = (more: Line) =>
    matches(definition('rates_under_gate').filter, { ...judged, ...more });
  expect(underGate({})).toBe(false);
  expect(underGate({ copy_lower: 0, mirror_lower: 0 })).toBe(false);
  expect(underGate({ copy_upper: 0.98 })).toBe(true);
  expect(underGate({ mirror_upper: 0.98 })).toBe(true);
  expect(underGate({ message: 'shards read', mirror_upper: 0.98 })).toBe(false);
});

test('readings are too old after 25 hours, and where there are none', () => {
  const isTooOld = (verifiedAgeS: number | null) =>
    matches(definition('readings_too_old').filter, {
      ...{ message: 'mirror rates', verified_age_s: verifiedAgeS },
    });
  expect([60, 25 * 3_600, 25 * 3_600 + 1, null].map(isTooOld)).toEqual([false, false, true, true]);
});
