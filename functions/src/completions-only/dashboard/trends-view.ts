import { html } from 'hono/html';
import { formatRate } from '../reconcile/rate';
import {
  type ChartData,
  comparedRuns,
  consistencyChart,
  GATE_PERCENT,
  lagChart,
  OUTCOMES,
  outcomesByHour,
  outcomesChart,
} from './chart-data';
import { count, duration, type Markup, time, unavailable, words } from './markup';
import { openView } from './open-view';
import type { Panel } from './panel';
import { SAMPLE_ROWS, type Trends } from './read-trends';
import { hrefOf, SPANS, type ViewQuery } from './view-query';

/** Rows of a chart's table: beyond, a shorter span says more. */
const ROWS_MAX = 200;
const SPAN_WORDS = { '24h': '24 hours', '7d': '7 days', '30d': '30 days' } as const;

/** The charts, each with its figures as a table, which is there without a script, too. */
export function trendsView(panel: Panel<Trends>, query: ViewQuery): Markup {
  return html`<section data-part="trends" aria-labelledby="trends">
    <div class="section-head">
      <h2 id="trends">Over time</h2>
      ${spanLinks(query)}
    </div>
    ${
      panel.ok
        ? html`<div class="charts">
            ${consistency(panel.value)} ${lag(panel.value)} ${outcomes(panel.value)}
            ${openView(panel.value.open, query)}
          </div>`
        : unavailable('The charts', panel.reason)
    }
  </section>`;
}

function spanLinks(query: ViewQuery): Markup {
  const spans = Object.keys(SPANS) as (keyof typeof SPANS)[];
  return html`<nav class="spans" aria-label="How far back">
    ${spans.map((span) =>
      span === query.span
        ? html`<a data-go id="span-${span}" aria-current="true" href="${hrefOf(query, { span })}"
            >${SPAN_WORDS[span]}</a
          >`
        : html`<a data-go id="span-${span}" href="${hrefOf(query, { span })}"
            >${SPAN_WORDS[span]}</a
          >`,
    )}
  </nav>`;
}

function consistency(trends: Trends): Markup {
  const runs = comparedRuns(trends);
  const { gaps } = trends;
  return figure({
    id: 'consistency',
    title: 'Consistency',
    about: `Each finished run of all couples is a point. Dashed: ${GATE_PERCENT}% is asked for. Shaded: mirroring was not fully on.`,
    data: consistencyChart(trends),
    isEmpty: runs.length === 0,
    empty: 'No run of all couples has compared anything in this time.',
    figures: html`${table(
      ['run', 'finished (UTC)', 'raw consistency', 'compared'],
      runs.map(({ id, finishedAt, rate }) => [
        ...[`${id}`, finishedAt === null ? '' : time(finishedAt)],
        ...[formatRate(rate) ?? '', count(rate.compared)],
      ]),
    )}
    ${
      gaps.length === 0
        ? html`<p>No coverage gap.</p>`
        : table(
            ['coverage gap', 'from (UTC)', 'to'],
            gaps.map(({ reason, fromAt, toAt }) => [
              ...[words(reason), time(fromAt), toAt === null ? 'not over' : time(toAt)],
            ]),
          )
    }`,
  });
}

function lag(trends: Trends): Markup {
  const hours = trends.hours.filter(({ p50Ms }) => p50Ms !== null).reverse();
  const ms = (value: number | null) => (value === null ? '' : duration(value));
  return figure({
    id: 'lag',
    title: 'Mirror lag',
    about: 'From the event until Postgres had it, by the hour. The scale is logarithmic.',
    data: lagChart(trends),
    isEmpty: hours.length === 0,
    empty: 'No event was mirrored in this time, or none was counted yet.',
    figures: table(
      ['hour (UTC)', 'p50', 'p95', 'p99', 'max'],
      hours.map(({ hour, p50Ms, p95Ms, p99Ms, maxMs }) => [
        ...[time(hour), ms(p50Ms), ms(p95Ms), ms(p99Ms), ms(maxMs)],
      ]),
    ),
  });
}

function outcomes(trends: Trends): Markup {
  const hours = outcomesByHour(trends).reverse();
  const isCut = trends.hours.some(({ source }) => source === 'cut');
  return figure({
    id: 'outcomes',
    title: 'Events an hour, by outcome',
    about: html`As far as Postgres knows: rows by what wrote them last, and what the log tells.
      Duplicates, ties, retries and events with the flag off leave nothing in Postgres; the
      function's logs count them. A completion written twice within an hour counts once.
      ${isCut ? `An hour not counted by a run yet is cut at ${count(SAMPLE_ROWS)} rows.` : ''}`,
    data: outcomesChart(trends),
    isEmpty: hours.length === 0,
    empty: 'Nothing arrived in this time, or nothing was counted yet.',
    figures: table(
      ['hour (UTC)', ...OUTCOMES.map(([, name]) => name), 'source'],
      hours.map((hour) => [
        ...[time(hour.hour), ...OUTCOMES.map(([key]) => count(hour[key])), hour.source],
      ]),
    ),
  });
}

interface Figure {
  id: string;
  title: string;
  about: Markup | string;
  data: ChartData;
  isEmpty: boolean;
  empty: string;
  figures: Markup;
}

function figure({ id, title, about, data, isEmpty, empty, figures }: Figure): Markup {
  return html`<section class="card" aria-labelledby="chart-${id}">
    <h3 id="chart-${id}">${title}</h3>
    <p class="about">${about}</p>
    ${
      isEmpty
        ? html`<p class="empty">${empty}</p>`
        : html`<div class="chart" data-chart="${JSON.stringify(data)}" role="img"
              aria-label="${title}, as a chart; its figures follow as a table"></div>
            <noscript><p class="dim">The chart needs JavaScript; the table does not.</p></noscript>`
    }
    <details id="figures-${id}">
      <summary>Figures</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="${title}: figures">${figures}</div>
    </details>
  </section>`;
}

function table(titles: readonly string[], rows: readonly (Markup | string)[][]): Markup {
  const left = rows.length - ROWS_MAX;
  return html`<table class="figures">
      <thead>
        <tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr>
      </thead>
      <tbody>
        ${rows
          .slice(0, ROWS_MAX)
          .map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}
      </tbody>
    </table>
    ${left > 0 ? html`<p>${count(left)} older ones are left out here.</p>` : ''}`;
}
