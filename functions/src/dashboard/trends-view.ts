import { html } from 'hono/html';
import { formatShare } from '../gate/rate';
import {
  type ChartData,
  GATE_PERCENT,
  lagChart,
  OUTCOMES,
  outcomesByHour,
  outcomesChart,
  ratesChart,
} from './chart-data';
import { openView } from './divergences-view';
import { count, duration, type Markup, time, unavailable, VERDICTS, words } from './markup';
import type { Trends } from './read-trends';
import type { Panel } from './read-view';
import { hrefOf, SPANS, type ViewQuery } from './view-query';

/** Rows of a chart's table: beyond, a shorter span says more. */
const ROWS_MAX = 200;
const SPAN_WORDS = { '24h': '24 hours', '7d': '7 days', '30d': '30 days' } as const;

/** The charts, each with its figures as a table, which is there without a script, too. */
export function trendsView(panel: Panel<Trends>, query: ViewQuery): Markup {
  return html`<section data-part="trends" aria-labelledby="trends">
    <div class="section-head">
      <h2 id="trends">Over time${query.path === null ? '' : html` <small>${words(query.path)}</small>`}</h2>
      ${spanLinks(query)}
    </div>
    ${
      panel.ok
        ? html`<div class="charts">
            ${rates(panel.value, query)} ${lag(panel.value, query)} ${outcomes(panel.value)}
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

function rates(trends: Trends, { path }: ViewQuery): Markup {
  const { gaps } = trends;
  const hours = [...trends.rates].reverse();
  const range = (lower: number, upper: number) =>
    lower === upper ? formatShare(lower) : `${formatShare(lower)} to ${formatShare(upper)}`;
  return figure({
    id: 'rates',
    title: 'Both rates, hour by hour',
    about: `${path === null ? "Each hour's worst path. " : ''}Between "at least" and "at most" lies what nobody knew. Dashed line: the ${GATE_PERCENT}% gate. Shaded: mirroring was off or partial.`,
    data: ratesChart(trends),
    isEmpty: hours.length === 0,
    empty: 'Nothing was judged in this time. mirrorReconcile does it every 15 minutes.',
    figures: html`${table(
      ['hour (UTC)', 'verdict', 'copy', 'of keys', 'mirror', 'of keys written'],
      hours.map((hour) => [
        ...[time(hour.hour), VERDICTS[hour.verdict].word],
        ...[range(hour.copyLower, hour.copyUpper), count(hour.copyKeys)],
        ...[range(hour.mirrorLower, hour.mirrorUpper), count(hour.mirrorKeys)],
      ]),
    )}
    ${
      gaps.length === 0
        ? html`<p>No coverage gap.</p>`
        : table(
            ['coverage gap', 'of', 'from (UTC)', 'to'],
            gaps.map(({ path: of, reason, fromAt, toAt }) => [
              ...[words(reason), of ?? 'all paths'],
              ...[time(fromAt), toAt === null ? 'not over' : time(toAt)],
            ]),
          )
    }`,
  });
}

function lag(trends: Trends, { path }: ViewQuery): Markup {
  const hours = trends.arrivals.filter(({ lagP50Ms }) => lagP50Ms !== null).reverse();
  const ms = (value: number | null) => (value === null ? '' : duration(value));
  return figure({
    id: 'lag',
    title: 'Mirror lag',
    about: `From the event until Postgres had it, hour by hour${path === null ? ', of the slowest path' : ''}. The scale is logarithmic.`,
    data: lagChart(trends),
    isEmpty: hours.length === 0,
    empty: 'No event was mirrored in this time, or none was counted yet.',
    figures: table(
      ['hour (UTC)', 'p50', 'p95', 'p99', 'max'],
      hours.map(({ hour, lagP50Ms, lagP95Ms, lagP99Ms, lagMaxMs }) => [
        ...[time(hour), ms(lagP50Ms), ms(lagP95Ms), ms(lagP99Ms), ms(lagMaxMs)],
      ]),
    ),
  });
}

function outcomes(trends: Trends): Markup {
  const hours = outcomesByHour(trends).reverse();
  return figure({
    id: 'outcomes',
    title: 'Events an hour, by outcome',
    about: html`As far as Postgres knows: rows by what wrote them last, and what the log tells.
      Duplicates, ties, retries and events with the flag off leave nothing in Postgres; the
      function's logs count them. A row written twice within an hour counts once. The last hour is
      counted every 15 minutes.`,
    data: outcomesChart(trends),
    isEmpty: hours.length === 0,
    empty: 'Nothing arrived in this time, or nothing was counted yet.',
    figures: table(
      ['hour (UTC)', ...OUTCOMES.map(([, name]) => name)],
      hours.map((hour) => [time(hour.hour), ...OUTCOMES.map(([key]) => count(hour[key]))]),
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
