import { readTrends } from '../../functions/src/completions-only/dashboard/read-trends';
import {
  readDivergences,
  readVerdict,
} from '../../functions/src/completions-only/dashboard/read-view';
import { parseViewQuery } from '../../functions/src/completions-only/dashboard/view-query';
import type { Statements } from '../../functions/src/postgres/statements';

const divergences = (parameters: Record<string, string>) => (statements: Statements) =>
  readDivergences(statements, parseViewQuery(parameters));

/** What the dashboard asks, by name: each is one part of the page. */
export const DASHBOARD_QUESTIONS: readonly [
  string,
  (statements: Statements) => Promise<unknown>,
][] = [
  ['gate', readVerdict],
  ['charts, 24 hours', (statements) => readTrends(statements, '24h')],
  ['charts, 7 days', (statements) => readTrends(statements, '7d')],
  ['charts, 30 days', (statements) => readTrends(statements, '30d')],
  ['table, open', divergences({})],
  ['table, all', divergences({ state: 'all' })],
  ['table, by severity', divergences({ state: 'all', sort: '-severity' })],
  ['table, kind and cause', divergences({ kind: 'late', cause: 'in_flight' })],
  ['table, a couple', divergences({ couple: 'u0392081_w0392081', state: 'all' })],
  ['table, a day', divergences({ day: new Date().toISOString().slice(0, 10), state: 'all' })],
  ['table, the last page', divergences({ state: 'all', page: '4000' })],
];
