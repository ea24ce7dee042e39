import { html } from 'hono/html';
import type { DivergenceRow } from '../postgres/divergence-pages';
import {
  count,
  cut,
  type Markup,
  outside,
  severityBadge,
  time,
  unavailable,
  words,
} from './markup';
import type { Panel } from './panel';
import type { OpenStory } from './read-story';
import type { DivergencePage } from './read-view';
import { storyView } from './story-view';
import { hrefOf, PAGE_SIZE, type ViewQuery } from './view-query';

const COLUMNS = [
  ['severity', 'Severity'],
  ['kind', 'Kind'],
  ['cause', 'Cause'],
  [null, 'Leaf'],
  ['day', 'Day'],
  ['first_seen', 'First seen (UTC)'],
  ['times_seen', 'Seen'],
  [null, 'State'],
] as const;

/** The table of divergences, with the story of the one that is open. */
export function divergencesView(
  panel: Panel<DivergencePage>,
  story: Panel<OpenStory> | null,
  query: ViewQuery,
): Markup {
  if (!panel.ok) {
    return html`<div data-part="divergences">
      ${unavailable('The table', panel.reason)} ${looseStory([], story, query)}
    </div>`;
  }
  const { rows, total } = panel.value;
  return html`<div data-part="divergences">
    <div class="toolbar">
      <p role="status" id="total">${countLine(panel.value, query)}</p>
      <p>
        Export these:
        <a href="${hrefOf(query, { story: null, page: 1 }, { export: 'csv' })}" download>CSV</a>
        <a href="${hrefOf(query, { story: null, page: 1 }, { export: 'json' })}" download>JSON</a>
      </p>
    </div>
    ${looseStory(rows, story, query)}
    ${
      rows.length === 0
        ? html`<p class="empty">${nothing(total, query)}</p>`
        : html`<table class="rows" role="table" aria-label="Divergences">
            <thead role="rowgroup">
              <tr role="row">
                ${COLUMNS.map(([name, title]) => heading(name, title, query))}
              </tr>
            </thead>
            <tbody role="rowgroup">
              ${rows.map((row) => rowView(row, row.id === query.story ? story : null, query))}
            </tbody>
          </table>`
    }
    ${pager(total, query)}
  </div>`;
}

function countLine({ total, rows }: DivergencePage, { page, state }: ViewQuery): string {
  const first = (page - 1) * PAGE_SIZE;
  const which = state === 'all' ? '' : ` ${state}`;
  const all = `${count(total)}${which} divergence${total === 1 ? '' : 's'}`;
  return rows.length === 0 ? all : `${all}, ${count(first + 1)} to ${count(first + rows.length)}`;
}

function nothing(total: number, query: ViewQuery): Markup | string {
  if (total === 0) return 'No divergence is logged that this filter lets through.';
  return html`There are no so many pages.
    <a data-go href="${hrefOf(query, { page: 1 })}">Go to the first</a>`;
}

function heading(name: string | null, title: string, query: ViewQuery): Markup {
  if (name === null) return html`<th role="columnheader" scope="col">${title}</th>`;
  const isDown = query.sort === `-${name}`;
  const isSorted = isDown || query.sort === name;
  const href = hrefOf(query, { sort: isDown ? name : `-${name}`, page: 1 });
  return html`<th
    role="columnheader"
    scope="col"
    aria-sort="${isSorted ? (isDown ? 'descending' : 'ascending') : 'none'}"
  >
    <a data-go id="sort-${name}" href="${href}"
      >${title}<span aria-hidden="true">${isSorted ? (isDown ? ' ↓' : ' ↑') : ''}</span></a
    >
  </th>`;
}

function rowView(row: DivergenceRow, story: Panel<OpenStory> | null, query: ViewQuery): Markup {
  const isOpen = story !== null;
  const href = `${hrefOf(query, { story: isOpen ? null : row.id })}#d${row.id}`;
  const end =
    row.resolved_at === null ? html`open` : html`resolved <small>${time(row.resolved_at)}</small>`;
  const cells: [string, Markup | string][] = [
    ['Severity', severityBadge(row.severity)],
    ['Kind', words(row.kind)],
    ['Cause', words(row.cause)],
    [
      'Leaf',
      html`<a data-go id="d${row.id}" aria-expanded="${String(isOpen)}" href="${href}">
      ${nameOf(row)}</a>`,
    ],
    ['Day', row.day === null ? '–' : cut(row.day)],
    ['First seen', time(row.first_seen_at)],
    ['Seen', row.times_seen === 1 ? 'once' : `${count(row.times_seen)} times`],
    ['State', end],
  ];
  return html`<tr role="row" class="${isOpen ? 'opened' : ''}">
      ${cells.map(
        ([name, cell]) => html`<td role="cell" data-name="${name}"><div>${cell}</div></td>`,
      )}
    </tr>
    ${
      story === null
        ? ''
        : html`<tr role="row" class="story-row">
            <td role="cell" colspan="${COLUMNS.length}">${storyView(story)}</td>
          </tr>`
    }`;
}

/** Whose completion; the ref of any other leaf, and where it can't be told. */
function nameOf({ path, shard, key, ref }: DivergenceRow): Markup {
  const { quest_id, user_id } = key ?? {};
  if (path !== 'quest_completions') return html`${outside(ref, 90)} <small>${cut(path)}</small>`;
  if (typeof quest_id !== 'string' || typeof user_id !== 'string') return outside(ref, 90);
  return html`${outside(quest_id, 48)}
    <small>of ${outside(user_id, 36)} in ${outside(shard ?? '', 60)}</small>`;
}

/** A story whose row is on another page, such as one that healed while it was read. */
function looseStory(
  rows: readonly DivergenceRow[],
  story: Panel<OpenStory> | null,
  query: ViewQuery,
): Markup | string {
  if (story === null || rows.some(({ id }) => id === query.story)) return '';
  return html`<div class="loose">
    <p>
      The divergence that is open is not among these rows.
      <a data-go href="${hrefOf(query, { story: null })}">Close it</a>
    </p>
    ${storyView(story)}
  </div>`;
}

function pager(total: number, query: ViewQuery): Markup | string {
  const pages = Math.ceil(total / PAGE_SIZE);
  if (pages <= 1) return '';
  const link = (page: number, title: string, id: string) =>
    page < 1 || page > pages
      ? html`<span class="dim">${title}</span>`
      : html`<a data-go id="${id}" href="${hrefOf(query, { page })}">${title}</a>`;
  return html`<nav class="pager" aria-label="Pages of divergences">
    ${link(query.page - 1, '← Previous', 'previous')}
    <span>page ${count(query.page)} of ${count(pages)}</span>
    ${link(query.page + 1, 'Next →', 'next')}
  </nav>`;
}
