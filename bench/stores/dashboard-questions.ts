import { readTrends } from '../../functions/src/dashboard/read-trends';
import { readDivergences, readVerdict } from '../../functions/src/dashboard/read-view';
import { parseViewQuery } from '../../functions/src/dashboard/view-query';
import type { Statements } from '../../functions/src/postgres/statements';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';

const divergences = (parameters: Record<string, string>) => (statements: Statements) =>
  readDivergences(statements, parseViewQuery(parameters));

const trends = (parameters: Record<string, string>) => (statements: Statements) =>
  readTrends(statements, parseViewQuery(parameters));

/** What the dashboard asks, by name: each is one part of the page. */
export const DASHBOARD_QUESTIONS: readonly [
  string,
  (statements: Statements) => Promise<unknown>,
][] = [
  ['gate', (statements) => readVerdict(statements, PROOF_TIMES)],
  ['charts, 24 hours', trends({})],
  ['charts, 7 days', trends({ span: '7d' })],
  ['charts, 30 days', trends({ span: '30d' })],
  ['charts, a path', trends({ span: '30d', path: 'quest_completions' })],
  ['table, to act on', divergences({})],
  ['table, open', divergences({ state: 'open' })],
  ['table, all', divergences({ state: 'all' })],
  ['table, a path', divergences({ state: 'all', path: 'quest_completions' })],
  ['table, by severity', divergences({ state: 'all', sort: '-severity' })],
  [
    'table, kind and cause',
    divergences({ state: 'open', kind: 'client_only', cause: 'client_without_rtdb' }),
  ],
  ['table, a couple', divergences({ couple: 'u0392081_w0392081', state: 'all' })],
  ['table, a day', divergences({ day: new Date().toISOString().slice(0, 10), state: 'all' })],
  ['table, the last page', divergences({ state: 'all', page: '4000' })],
];
