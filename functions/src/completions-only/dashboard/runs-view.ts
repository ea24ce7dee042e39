import { html } from 'hono/html';
import { millisOf } from '../../values/event-time';
import type { RunOfHistory } from '../postgres/run-history';
import { formatRate } from '../reconcile/rate';
import { count, duration, type Markup, outside, time, unavailable } from './markup';
import type { Panel } from './panel';
import type { Trends } from './read-trends';

const RUNS_SHOWN = 20;
const SIGNS = { finished: '✓', running: '…', failed: '✕' } as const;
const LEVELS = { finished: 'good', running: 'info', failed: 'error' } as const;

/** The newest runs; each opens to what it found and what it cost. */
export function runsView(panel: Panel<Trends>): Markup {
  return html`<section data-part="runs" aria-labelledby="runs">
    <h2 id="runs">Reconcile runs</h2>
    ${panel.ok ? list(panel.value.runs) : unavailable('The runs', panel.reason)}
  </section>`;
}

function list(runs: readonly RunOfHistory[]): Markup {
  if (runs.length === 0) {
    return html`<p class="empty">
      No run began in this time. The function runs every hour; by hand:
      <code>npm run mirror -- reconcile</code>.
    </p>`;
  }
  const left = runs.length - RUNS_SHOWN;
  return html`<div class="runs">${runs.slice(0, RUNS_SHOWN).map(runView)}</div>
    ${left > 0 ? html`<p class="dim">${count(left)} older ones are left out here.</p>` : ''}`;
}

function runView(run: RunOfHistory): Markup {
  const { id, status, startedAt, rate } = run;
  return html`<details id="run-${id}">
    <summary>
      <span class="badge ${LEVELS[status]}"
        ><span aria-hidden="true">${SIGNS[status]}</span> ${status}</span
      >
      <span>run ${id}</span> <span>${time(startedAt)} UTC</span>
      <strong>${formatRate(rate) ?? 'nothing compared'}</strong>
      <span class="dim">${run.fromDate} to ${run.toDate}${run.isOfAll ? '' : ', some couples only'}</span>
    </summary>
    ${run.error === null ? '' : html`<p class="unavailable">It failed: ${outside(run.error, 1_000)}</p>`}
    <dl class="facts">
      ${factsOf(run).map(([name, fact]) => html`<div><dt>${name}</dt><dd>${fact}</dd></div>`)}
    </dl>
  </details>`;
}

function factsOf(run: RunOfHistory): [string, Markup | string][] {
  const { startedAt, finishedAt, shards, shardsDone } = run;
  return [
    ['finished', finishedAt === null ? 'not yet' : html`${time(finishedAt)} UTC`],
    ['took', finishedAt === null ? '–' : duration(millisOf(finishedAt) - millisOf(startedAt))],
    ['couples', count(run.couples)],
    ['compared', count(run.rate.compared)],
    ['matched', count(run.rate.matched)],
    ['missing in Postgres', count(run.missingInPostgres)],
    ['missing in RTDB', count(run.missingInRtdb)],
    ['values differ', count(run.valueMismatch)],
    ['in flight', count(run.inFlight)],
    ['reading RTDB', duration(run.rtdbMs)],
    ['reading Postgres', duration(run.postgresMs)],
    ['shards', shards === null ? '–' : `${shardsDone ?? 0} of ${shards}`],
  ];
}
